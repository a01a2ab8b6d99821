"""A person who chats with a stock XMPP client (slixmpp), told what to do by lines of JSON on stdin.

Usage: chat_client.py JID PASSWORD_FILE HOST PORT CA_FILE
Out, lines of JSON: {"ready": {…}} or {"failed": reason} first; {"stanza": {…}} for each stanza that comes; {"id": …, …} as
the answer to each line in.
"""

import asyncio

from slixmpp_driver import DrivenClient, drive, local, say, slixmpp

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
USER = "http://jabber.org/protocol/muc#user"


def told(stanza):
    """What came, as far as a test asks for it."""
    xml = stanza.xml
    conditions = [local(one) for one in xml.findall(f"{{jabber:client}}error/*") if one.tag.startswith(f"{{{STANZAS}}}")]
    return {
        "name": local(xml),
        "from": xml.get("from"),
        "to": xml.get("to"),
        "type": xml.get("type"),
        "id": xml.get("id"),
        "body": xml.findtext("{jabber:client}body"),
        "show": xml.findtext("{jabber:client}show"),
        "error": next((one for one in conditions if one != "text"), None),
        "invited": None if xml.find(f"{{{USER}}}x/{{{USER}}}invite") is None else xml.get("from"),
        "codes": [one.get("code") for one in xml.findall(f"{{{USER}}}x/{{{USER}}}status")],
    }


class ChatClient(DrivenClient):
    def __init__(self, jid, password, ca):
        super().__init__(jid, password, ca, ("xep_0004", "xep_0030", "xep_0045", "xep_0092", "xep_0199"))
        # Who asks is let in, and asked in return, as most clients do after a click.
        self.auto_authorize = True
        self.auto_subscribe = True
        self.joining = {}
        self.add_filter("in", self.on_stanza)

    def on_stanza(self, stanza):
        if self.started.done() and local(stanza.xml) in ("message", "presence", "iq"):
            say({"stanza": told(stanza)})
            if local(stanza.xml) == "presence" and stanza["type"] == "error":
                joining = self.joining.get(stanza["from"].bare)
                if joining and not joining.done():
                    joining.set_exception(slixmpp.exceptions.PresenceError(stanza))
        return stanza

    async def join(self, room, nick):
        """join_muc_wait knows a refusal by XEP-0045's element in it, which Prosody's refusals have not."""
        joining = self.joining[room] = self.loop.create_future()
        waiting = self.loop.create_task(self["xep_0045"].join_muc_wait(room, nick, maxstanzas=0, timeout=20))
        try:
            await asyncio.wait([joining, waiting], return_when=asyncio.FIRST_COMPLETED)
            return joining.result() if joining.done() else await waiting
        finally:
            del self.joining[room]
            waiting.cancel()

    async def on_start(self):
        await self.get_roster()
        self.send_presence()
        return {"version": slixmpp.__version__, "jid": str(self.boundjid)}

    async def perform(self, task):
        operation, to = task["op"], task.get("to")
        rooms = self["xep_0045"]
        if operation == "message":
            self.send_message(mto=to, mbody=task["body"], mtype=task.get("type", "chat"))
        elif operation == "presence":
            self.send_presence(pto=to, pshow=task.get("show"), ptype=task.get("type"))
        elif operation == "subscribe":
            self.send_presence_subscription(pto=to)
        elif operation == "roster":
            return {"subscription": self.client_roster[to]["subscription"]}
        elif operation == "create":
            await self.join(to, task["nick"])
            await rooms.set_room_config(to, self["xep_0004"].make_form(ftype="submit"))
        elif operation == "join":
            joined = await self.join(to, task["nick"])
            return {"occupants": sorted(rooms.get_roster(to)), "nick": joined.nickname if hasattr(joined, "nickname") else None}
        elif operation == "leave":
            rooms.leave_muc(to, task["nick"])
        elif operation == "ping":
            await self["xep_0199"].ping(to, timeout=20)
        elif operation == "version":
            answer = await self["xep_0092"].get_version(to, timeout=20)
            return {"software": answer["software_version"]["name"]}
        elif operation == "items":
            answer = await self["xep_0030"].get_items(jid=to, timeout=20)
            return {"items": sorted(str(item[0]) for item in answer["disco_items"]["items"])}
        else:
            raise ValueError(operation)
        return {}

    async def answer(self, task):
        try:
            outcome = await self.perform(task)
        except slixmpp.exceptions.IqError as error:
            outcome = {"error": error.iq["error"]["condition"]}
        except slixmpp.exceptions.PresenceError as error:
            outcome = {"error": error.presence["error"]["condition"]}
        except (slixmpp.exceptions.IqTimeout, asyncio.TimeoutError):
            outcome = {"error": "timeout"}
        say({"id": task["id"], **outcome})


drive(ChatClient)
