"""A person's stock XMPP client (slixmpp), told what to do by lines of JSON on stdin; answers with lines of JSON on stdout.

Usage: stock_client.py JID PASSWORD_FILE HOST PORT CA_FILE
First line out: {"ready": {"mechanism": …, "tls": …}} or {"failed": reason}. Then one answer for each line in, under its id.
"""

from xml.etree import ElementTree

from slixmpp_driver import DrivenClient, drive, local, say, slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatcherId

COMMANDS = "http://jabber.org/protocol/commands"
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
DATA = "jabber:x:data"
CLIENT = "jabber:client"


def error_of(xml):
    error = xml.find(f"{{{CLIENT}}}error")
    children = list(error) if error is not None else []
    by_namespace = lambda ns: [local(one) for one in children if one.tag.startswith(f"{{{ns}}}")]
    ours = error.find("{urn:mom4c:errors:1}mom4c")
    return {
        "condition": [name for name in by_namespace(STANZAS) if name != "text"][0],
        "text": (error.findtext(f"{{{STANZAS}}}text") or ""),
        "code": None if ours is None else ours.get("code"),
        "protocol": (by_namespace(COMMANDS) or [None])[0],
    }


def values_of(field):
    return [value.text or "" for value in field.findall(f"{{{DATA}}}value")]


def command_of(xml):
    command = xml.find(f"{{{COMMANDS}}}command")
    form = command.find(f"{{{DATA}}}x")
    answer = {
        "status": command.get("status"),
        "sessionid": command.get("sessionid"),
        "notes": [[note.get("type"), note.text or ""] for note in command.findall(f"{{{COMMANDS}}}note")],
        "actions": [local(action) for action in command.findall(f"{{{COMMANDS}}}actions/*")],
    }
    if form is not None and form.get("type") == "form":
        answer["form"] = {
            field.get("var"): {
                "type": field.get("type"),
                "required": field.find(f"{{{DATA}}}required") is not None,
                "values": values_of(field),
                "description": field.findtext(f"{{{DATA}}}desc"),
            }
            for field in form.findall(f"{{{DATA}}}field")
        }
    if form is not None and form.get("type") == "result":
        answer["columns"] = [field.get("var") for field in form.findall(f"{{{DATA}}}reported/{{{DATA}}}field")]
        answer["rows"] = [
            [(values_of(field) or [""])[0] for field in item.findall(f"{{{DATA}}}field")]
            for item in form.findall(f"{{{DATA}}}item")
        ]
    return answer


class StockClient(DrivenClient):
    def __init__(self, jid, password, ca):
        super().__init__(jid, password, ca, ("xep_0004", "xep_0030", "xep_0050"))

    async def on_start(self):
        tls = self.transport.get_extra_info("ssl_object")
        return {"mechanism": self["feature_mechanisms"].mech.name, "tls": tls.version()}

    async def perform(self, task):
        operation = task["op"]
        if operation == "items":
            answer = await self["xep_0030"].get_items(jid=task["jid"], node=task.get("node"))
            return {"items": [[item[1], item[2]] for item in sorted(answer["disco_items"]["items"], key=str)]}
        if operation == "info":
            info = (await self["xep_0030"].get_info(jid=task["jid"], node=task.get("node")))["disco_info"]
            return {"identities": [list(one[:2]) for one in info["identities"]], "features": sorted(info["features"])}
        if operation == "command":
            payload = None
            if task.get("fields") is not None:
                payload = self["xep_0004"].make_form(ftype="submit")
                for name, values in task["fields"].items():
                    payload.add_field(var=name, ftype="text-multi", value=values)
            answer = await self["xep_0050"].send_command(
                task["jid"],
                task["node"],
                action=task.get("action", "execute"),
                sessionid=task.get("sessionid"),
                payload=payload,
            )
            return command_of(answer.xml)
        if operation == "raw":
            return await self.raw(task)
        raise ValueError(operation)

    async def raw(self, task):
        """Octets as they are; the answer to the stanza with this id, or that the server ended the stream."""
        answered = self.loop.create_future()
        settle = lambda value: answered.done() or answered.set_result(value)
        name = f"raw {task['id']}"
        self.register_handler(Callback(name, MatcherId(task["stanza"]), lambda iq: settle(iq.xml)))
        ended = lambda _: settle(None)
        self.add_event_handler("disconnected", ended)
        self.send_raw(task["xml"])
        xml = await answered
        if xml is None:
            return {"ended": True}
        if xml.get("type") == "error":
            return {"error": error_of(xml)}
        return {"xml": ElementTree.tostring(xml, encoding="unicode")}

    async def answer(self, task):
        try:
            outcome = await self.perform(task)
        except slixmpp.exceptions.IqError as error:
            outcome = {"error": error_of(error.iq.xml)}
        except slixmpp.exceptions.IqTimeout:
            outcome = {"timeout": True}
        say({"id": task["id"], **outcome})


drive(StockClient)
