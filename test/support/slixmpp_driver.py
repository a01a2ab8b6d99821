"""A client of slixmpp that is told what to do by lines of JSON on stdin, and says its answers as lines of JSON on stdout."""

import asyncio
import json
import logging
import sys

logging.disable(logging.CRITICAL)  # It warns of a slower stringprep while it is imported.

import slixmpp


def say(value):
    print(json.dumps(value), flush=True)


def local(element):
    return element.tag.rsplit("}", 1)[-1]


class DrivenClient(slixmpp.ClientXMPP):
    """Its first line is {"ready": what `on_start` returns} or {"failed": reason}; then `answer` says one for each task."""

    def __init__(self, jid, password, ca, plugins):
        super().__init__(jid, password)
        for plugin in plugins:
            self.register_plugin(plugin)
        self.ca_certs = ca
        self.started = self.loop.create_future()
        self.add_event_handler("session_start", self.start)
        for event in ("failed_all_auth", "no_auth", "connection_failed", "ssl_invalid_chain", "disconnected"):
            self.add_event_handler(event, lambda _, event=event: self.settle({"failed": event}))

    async def start(self, _):
        self.settle({"ready": await self.on_start()})

    def settle(self, value):
        if not self.started.done():
            self.started.set_result(value)


def drive(make):
    """Usage of the program: JID PASSWORD_FILE HOST PORT CA_FILE. `make` gets JID, password and CA_FILE."""
    asyncio.get_event_loop().run_until_complete(main(make, *sys.argv[1:]))


async def main(make, jid, password_file, host, port, ca):
    with open(password_file, encoding="ascii") as file:
        client = make(jid, file.read().strip(), ca)
    client.connect((host, int(port)), use_ssl=True, disable_starttls=True)
    started = await client.started
    say(started)
    if "failed" in started:
        client.abort()
        return
    reader = asyncio.StreamReader(limit=2**22)
    await client.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()
    while line := await reader.readline():
        task = client.loop.create_task(client.answer(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    client.disconnect()
    # Not for ever: the server may have ended the stream before.
    await asyncio.wait([client.disconnected], timeout=2)
