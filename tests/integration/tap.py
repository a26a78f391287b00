#!/usr/bin/env python3
"""Relay TCP connections and keep every byte that passes, both ways.

    tap.py HOST:PORT FILE      prints "listening HOST:PORT", appends to FILE, until it is stopped
"""
import asyncio
import sys


async def copy(reader, writer, file):
    while data := await reader.read(65536):
        file.write(data)
        file.flush()
        writer.write(data)
        await writer.drain()
    writer.close()


async def relay(reader, writer, target, file):
    try:
        there = await asyncio.open_connection(*target)
        await asyncio.gather(copy(reader, there[1], file), copy(there[0], writer, file))
    except OSError:
        writer.close()


async def main(target, name):
    with open(name, "ab") as file:
        host, port = target.rsplit(":", 1)
        server = await asyncio.start_server(
            lambda r, w: relay(r, w, (host, int(port)), file), "127.0.0.1", 0)
        print("listening %s:%d" % server.sockets[0].getsockname()[:2], flush=True)
        await server.serve_forever()


asyncio.run(main(*sys.argv[1:3]))
