"""pysaml2 as an identity provider for tests, on loopback behind TLS: the argument is a JSON file.

{ "entityId", "port", "cert", "key": of the web server, "clientCa": whose certificates log in (CN is the domain),
  "signingCert", "signingKey", "accounts": {domain: password}, "federation": its name, "metadata": path of the aggregate }

Ways of log-in: HTTP Basic on the SOAP endpoint (ECP), a form, a TLS client certificate. Sessions are cookies. Each answer
is a line of JSON on standard output: {"subject", "by": "password" | "certificate" | "session"} or {"refused": …}.
"""
import base64
import hmac
import json
import os
import secrets
import ssl
import sys
import threading
from html import escape
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, BINDING_PAOS, BINDING_SOAP
from saml2.authn_context import PASSWORDPROTECTEDTRANSPORT, TLSCLIENT
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import NAMEID_FORMAT_UNSPECIFIED, NameID
from saml2.server import Server
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

with open(sys.argv[1], encoding="utf-8") as file:
    SETTINGS = json.load(file)
BASE = f"https://127.0.0.1:{SETTINGS['port']}"
MAX_BODY = 65536
LOCK = threading.Lock()  # pysaml2 keeps state in its server
SESSIONS = {}  # cookie -> domain
OPEN = {}  # key of a form -> request that it is for


def config():
    known = os.path.exists(SETTINGS["metadata"])
    return IdPConfig().load(
        {
            "entityid": SETTINGS["entityId"],
            "service": {
                "idp": {
                    "endpoints": {
                        "single_sign_on_service": [
                            (f"{BASE}/sso", BINDING_HTTP_REDIRECT),
                            (f"{BASE}/sso", BINDING_HTTP_POST),
                            (f"{BASE}/ecp", BINDING_SOAP),
                        ]
                    },
                    "policy": {
                        "default": {
                            "lifetime": {"minutes": 1},
                            "attribute_restrictions": {"federation": None, "assurance": None},
                            "name_form": "urn:oasis:names:tc:SAML:2.0:attrname-format:basic",
                            "fail_on_missing_requested": False,
                        }
                    },
                    "want_authn_requests_signed": False,
                }
            },
            "key_file": SETTINGS["signingKey"],
            "cert_file": SETTINGS["signingCert"],
            "metadata": {"local": [SETTINGS["metadata"]]} if known else {},
            "xmlsec_binary": "/usr/bin/xmlsec1",
        }
    )


class Provider:
    """The pysaml2 server for the metadata as they are now."""

    def __init__(self):
        self.edition = None
        self.server = None

    def current(self):
        path = SETTINGS["metadata"]
        edition = os.stat(path).st_mtime_ns if os.path.exists(path) else 0
        if edition != self.edition:
            self.server = Server(config=config())
            self.edition = edition
        return self.server


PROVIDER = Provider()


def say(**line):
    print(json.dumps(line), flush=True)


def answer(request, binding, subject, by):
    """Of a parsed AuthnRequest. Returns the signed response, and where it goes."""
    server = PROVIDER.current()
    arguments = server.response_args(request, [binding])
    response = server.create_authn_response(
        {"federation": [SETTINGS["federation"]], "assurance": [by]},
        in_response_to=arguments["in_response_to"],
        destination=arguments["destination"],
        sp_entity_id=arguments["sp_entity_id"],
        name_id=NameID(format=NAMEID_FORMAT_UNSPECIFIED, text=subject),
        authn={"class_ref": TLSCLIENT if by == "certificate" else PASSWORDPROTECTEDTRANSPORT},
        sign_response=True,
        sign_assertion=True,
        sign_alg=SIG_RSA_SHA256,
        digest_alg=DIGEST_SHA256,
    )
    say(subject=subject, by=by)
    return str(response), arguments["destination"]


def enveloped(response, consumer):
    """Written around the text: the library would write the response anew, and its signature would not hold."""
    body = response[response.index("?>") + 2 :] if response.startswith("<?xml") else response
    soap = "http://schemas.xmlsoap.org/soap/envelope/"
    return (
        f'<S:Envelope xmlns:S="{soap}"><S:Header><ecp:Response '
        f'xmlns:ecp="urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp" S:mustUnderstand="1" '
        f'S:actor="http://schemas.xmlsoap.org/soap/actor/next" '
        f'AssertionConsumerServiceURL="{escape(consumer)}"/></S:Header><S:Body>{body.strip()}</S:Body></S:Envelope>'
    )


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20

    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/metadata":
            with LOCK:
                self.reply(200, "application/samlmetadata+xml", str(entity_descriptor(config())))
        elif url.path == "/sso":
            self.begin(query, BINDING_HTTP_REDIRECT)
        else:
            self.reply(404, "text/plain", "not here")

    def do_POST(self):
        body = self.body()
        fields = {name: values[0] for name, values in parse_qs(body).items()}
        if self.path == "/ecp":
            self.ecp(body)
        elif self.path == "/sso":
            self.begin(fields, BINDING_HTTP_POST)
        elif self.path == "/login":
            self.log_in(fields)
        else:
            self.reply(404, "text/plain", "not here")

    def ecp(self, body):
        subject, by, cookie = self.known()
        if subject is None:
            scheme, _, given = self.headers.get("Authorization", "").partition(" ")
            user, _, password = base64.b64decode(given if scheme == "Basic" else "").decode().partition(":")
            if not is_right(user, password):
                say(refused=user)
                self.reply(401, "text/plain", "who are you?", {"WWW-Authenticate": 'Basic realm="idp"'})
                return
            subject, by, cookie = user, "password", session_of(user)
        with LOCK:
            request = PROVIDER.current().parse_authn_request(body, BINDING_SOAP).message
            response, consumer = answer(request, BINDING_PAOS, subject, by)
        self.reply(200, "text/xml", enveloped(response, consumer), cookie)

    def begin(self, fields, binding):
        with LOCK:
            request = PROVIDER.current().parse_authn_request(fields["SAMLRequest"], binding).message
        subject, by, cookie = self.known()
        if subject is not None:
            self.send_form(request, fields.get("RelayState", ""), subject, by, cookie)
            return
        key = secrets.token_urlsafe(16)
        OPEN[key] = (request, fields.get("RelayState", ""))
        self.reply(200, "text/html", log_in_page(key))

    def log_in(self, fields):
        user, password = fields.get("username", ""), fields.get("password", "")
        if not is_right(user, password):
            say(refused=user)
            self.reply(200, "text/html", log_in_page(fields.get("key", "")))
            return
        request, relay_state = OPEN.pop(fields["key"])
        self.send_form(request, relay_state, user, "password", session_of(user))

    def send_form(self, request, relay_state, subject, by, cookie):
        with LOCK:
            response, destination = answer(request, BINDING_HTTP_POST, subject, by)
            sent = PROVIDER.current().apply_binding(
                BINDING_HTTP_POST, response, destination, relay_state, response=True
            )
        self.reply(200, "text/html", sent["data"], cookie)

    def known(self):
        """By a session, or by a certificate: domain, how, and headers of the answer."""
        cookies = SimpleCookie(self.headers.get("Cookie", ""))
        session = cookies["session"].value if "session" in cookies else ""
        if session in SESSIONS:
            return SESSIONS[session], "session", {}
        certificate = self.connection.getpeercert()
        if certificate:
            names = dict(pair for part in certificate["subject"] for pair in part)
            subject = names.get("commonName")
            if subject in SETTINGS["accounts"]:
                return subject, "certificate", session_of(subject)
            say(refused=subject)
        return None, None, {}

    def body(self):
        length = int(self.headers.get("Content-Length", "0"))
        if length > MAX_BODY:
            raise ValueError("too long")
        return self.rfile.read(length).decode()

    def reply(self, status, kind, text, headers=None):
        octets = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(octets)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(octets)


def is_right(user, password):
    expected = SETTINGS["accounts"].get(user)
    return expected is not None and hmac.compare_digest(expected.encode(), password.encode())


def session_of(user):
    cookie = secrets.token_urlsafe(24)
    SESSIONS[cookie] = user
    return {"Set-Cookie": f"session={cookie}; Path=/; Secure; HttpOnly"}


def log_in_page(key):
    return (
        '<!doctype html><title>Log in</title><form method="post" action="/login">'
        f'<input type="hidden" name="key" value="{escape(key)}">'
        '<input name="username"><input name="password" type="password"><button>Log in</button></form>'
    )


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(SETTINGS["cert"], SETTINGS["key"])
    context.load_verify_locations(SETTINGS["clientCa"])
    context.verify_mode = ssl.CERT_OPTIONAL
    server = ThreadingHTTPServer(("127.0.0.1", SETTINGS["port"]), Handler)
    server.daemon_threads = True
    # The handshake belongs to the thread of the connection: one that is slow must not hold up the others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


main()
