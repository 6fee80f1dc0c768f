"""Starts the server of the guide's family, where the wheel is installed: nothing of the source tree is there."""

import importlib
import os
import threading

PASSWORD = "p@ss word/é"

server = importlib.import_module("redis_server").RedisServer(PASSWORD)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ.update(REDIS_HOST="127.0.0.1", REDIS_PORT=str(server.server_address[1]), REDIS_PASSWORD=PASSWORD)
