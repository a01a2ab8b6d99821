"""libgsasl as the server of SASL SAML20: tokens in base64 on stdin and stdout, one a line.

Usage: gsasl_server.py REDIRECT_URL VERDICT, where the verdict (`good` or `bad`) is what the relying party would say.
Out: {"version": …}; then for each token in {"token": …, "result": NAME}, and with the first also what it said of the client.
"""

import ctypes
import json
import sys

OK, NEEDS_MORE, AUTHENTICATION_ERROR, NO_CALLBACK = 0, 1, 31, 51
AUTHZID, SAML20_IDP_IDENTIFIER, SAML20_REDIRECT_URL, VALIDATE_SAML20 = 2, 19, 20, 505

library = ctypes.CDLL("libgsasl.so.18")
pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
Callback = ctypes.CFUNCTYPE(number, pointer, pointer, number)
for name, result, *arguments in (
    ("gsasl_check_version", text, text),
    ("gsasl_init", number, ctypes.POINTER(pointer)),
    ("gsasl_callback_set", None, pointer, Callback),
    ("gsasl_server_start", number, pointer, text, ctypes.POINTER(pointer)),
    ("gsasl_step64", number, pointer, text, ctypes.POINTER(pointer)),
    ("gsasl_property_set", None, pointer, number, text),
    ("gsasl_property_fast", text, pointer, number),
    ("gsasl_strerror_name", text, number),
):
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments

url, verdict = sys.argv[1:]


def answer(_, session, wanted):
    if wanted == SAML20_REDIRECT_URL:
        library.gsasl_property_set(session, SAML20_REDIRECT_URL, url.encode())
        return OK
    if wanted == VALIDATE_SAML20:
        return OK if verdict == "good" else AUTHENTICATION_ERROR
    return NO_CALLBACK


def say(**value):
    print(json.dumps(value), flush=True)


def said(prop):
    value = library.gsasl_property_fast(session, prop)
    return None if value is None else value.decode()


context, session, callback = pointer(), pointer(), Callback(answer)
assert library.gsasl_init(ctypes.byref(context)) == OK
library.gsasl_callback_set(context, callback)
assert library.gsasl_server_start(context, b"SAML20", ctypes.byref(session)) == OK
say(version=library.gsasl_check_version(None).decode())
for line in sys.stdin:
    out = pointer()
    code = library.gsasl_step64(session, line.strip().encode(), ctypes.byref(out))
    token = ctypes.string_at(out.value).decode() if out.value else ""
    say(
        token=token,
        result=library.gsasl_strerror_name(code).decode(),
        authzid=said(AUTHZID),
        idp=said(SAML20_IDP_IDENTIFIER),
    )
    if code not in (OK, NEEDS_MORE):
        break
