"""What the scenarios share: clients made the way a user makes them (everything from the environment that `belay env`
prints), harnesses that are removed again, and one reader of the invocation stream that checks every rule of its grammar."""

import contextlib
import http.server
import json
import threading
import time
import uuid

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

ROLE_ARN = "arn:aws:iam::123456789012:role/EndToEndRole"
SCRIPTED_MODEL = {"liteLlmModelConfig": {"modelId": "belay/scripted"}}

# The one generous limit on anything that is waited for.
DEADLINE_SECONDS = 60


# Reading a service model takes longer than most scenarios, so all clients share one reader, which remembers.
_LOADER = botocore.session.get_session().get_component("data_loader")


def new_session_id():
    return str(uuid.uuid4())


def equal(actual, expected, why=""):
    if actual != expected:
        raise AssertionError(f"{why + ': ' if why else ''}expected {expected!r}, got {actual!r}")


def true(condition, why):
    if not condition:
        raise AssertionError(why)


def until(what, condition):
    """Polls a condition; fails by name when it does not come true."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        value = condition()
        if value:
            return value
        true(time.monotonic() < deadline, f"waited {DEADLINE_SECONDS} s in vain until {what}")
        time.sleep(0.025)


def refused(code, status, action):
    """Runs an action that must be refused and answers the error's response for further checks."""
    try:
        answer = action()
    except EventStreamError as error:
        raise AssertionError(f"expected an HTTP error {code}, but the stream failed: {error}") from error
    except ClientError as error:
        equal(error.response["Error"]["Code"], code, str(error))
        equal(error.response["ResponseMetadata"]["HTTPStatusCode"], status)
        true(error.response["Error"]["Message"], "an error has a message")
        return error.response
    raise AssertionError(f"expected {code}, got {answer!r}")


@contextlib.contextmanager
def provider():
    """A model provider on loopback that answers every call with "Hi."; yields its apiBase and the keys that it was sent."""
    keys = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            keys.append(self.headers.get("Authorization"))
            delta = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}]}
            body = f"data: {json.dumps(delta)}\n\ndata: [DONE]\n\n".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", keys
        finally:
            server.shutdown()


class World:
    def __init__(self, model=SCRIPTED_MODEL, **credentials):
        self.model = model
        # The server's own checks are what is tested, so the SDK sends whatever it is given.
        config = Config(parameter_validation=False, read_timeout=120)
        core = botocore.session.get_session()
        core.register_component("data_loader", _LOADER)
        session = boto3.session.Session(botocore_session=core, **credentials)
        self.control = session.client("bedrock-agentcore-control", config=config)
        self.data = session.client("bedrock-agentcore", config=config)
        self._harnesses = []

    @staticmethod
    def unique_name():
        return "e2e_" + uuid.uuid4().hex[:20]

    def create(self, **given):
        """Creates a harness without waiting for it. A member given as None is left out."""
        members = {
            "harnessName": self.unique_name(),
            "executionRoleArn": ROLE_ARN,
            "model": self.model,
            **given,
        }
        answer = self.control.create_harness(**{name: value for name, value in members.items() if value is not None})
        self._harnesses.append(answer["harness"]["harnessId"])
        return answer

    def harness(self, **given):
        """Creates a harness and waits until it is ready."""
        return self.ready(self.create(**given)["harness"]["harnessId"])

    def ready(self, harness_id, version=None):
        def check():
            harness = self.control.get_harness(harnessId=harness_id)["harness"]
            true("FAILED" not in harness["status"], f"{harness['status']}: {harness.get('failureReason')}")
            return harness if harness["status"] == "READY" and version in (None, harness["harnessVersion"]) else None

        return until(f"harness {harness_id} is READY", check)

    def endpoint_ready(self, harness_id, name, live_version):
        def check():
            endpoint = self.control.get_harness_endpoint(harnessId=harness_id, endpointName=name)["endpoint"]
            return endpoint if (endpoint["status"], endpoint.get("liveVersion")) == ("READY", live_version) else None

        return until(f"endpoint {name} is READY on {live_version}", check)

    def start(self, harness, session_id, messages, **given):
        """Invokes; the caller reads the stream. `messages` may be the text of one user message."""
        if isinstance(messages, str):
            messages = [{"role": "user", "content": [{"text": messages}]}]
        return Turn(self.data.invoke_harness(
            harnessArn=harness["arn"], runtimeSessionId=session_id, messages=messages, **given))

    def invoke(self, harness, session_id, messages, **given):
        """Invokes and reads the stream to its end."""
        turn = self.start(harness, session_id, messages, **given)
        turn.finish()
        return turn

    def command(self, harness, session_id, command, timeout=None):
        """Runs a command in a session's sandbox and reads its stream to the end."""
        body = {"command": command}
        if timeout is not None:
            body["timeout"] = timeout
        session = {} if session_id is None else {"runtimeSessionId": session_id}
        return Run(self.data.invoke_agent_runtime_command(agentRuntimeArn=harness["arn"], body=body, **session))

    def stop(self, harness, session_id):
        return self.data.stop_runtime_session(agentRuntimeArn=harness["arn"], runtimeSessionId=session_id)

    def dispose(self):
        """Removes what the scenario made; its sessions end with the harnesses."""
        for harness_id in self._harnesses:
            try:
                self.control.delete_harness(harnessId=harness_id)
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("ResourceNotFoundException", "ConflictException"):
                    raise


class Run:
    """One command as its stream tells it."""

    def __init__(self, answer):
        self.session_id = answer.get("runtimeSessionId")
        self.stdout = self.stderr = ""
        self.exit_code = self.status = None
        chunks = []
        for event in answer["stream"]:
            equal(list(event), ["chunk"])
            equal(len(event["chunk"]), 1, "a chunk has one member")
            chunks += event["chunk"]
            delta = event["chunk"].get("contentDelta", {})
            stop = event["chunk"].get("contentStop", {})
            self.stdout += delta.get("stdout", "")
            self.stderr += delta.get("stderr", "")
            self.exit_code = stop.get("exitCode")
            self.status = stop.get("status")
        equal(chunks[0], "contentStart")
        equal(chunks[-1], "contentStop")
        true(all(kind == "contentDelta" for kind in chunks[1:-1]), chunks)


class Turn:
    """One invocation as its stream tells it. Reading checks the grammar event by event."""

    def __init__(self, answer):
        self.request_id = answer["ResponseMetadata"]["RequestId"]
        self.events = []
        self.messages = []
        self.stops = []
        self.metadata = None
        self._stream = iter(answer["stream"])
        self._open = None
        self._block = None
        self._bare_stop = False

    @property
    def text(self):
        return "".join(block["text"] for block in self._blocks("assistant") if "text" in block)

    @property
    def tool_uses(self):
        return [block["toolUse"] for block in self._blocks("assistant") if "toolUse" in block]

    @property
    def tool_results(self):
        return [block["toolResult"] for block in self._blocks("user")]

    def _blocks(self, role):
        return [block for message in self.messages if message["role"] == role for block in message["content"]]

    def read_until(self, kind):
        """Reads until an event of a kind came."""
        for event in self._read():
            if kind in event:
                return event[kind]
        raise AssertionError(f"the stream ended before {kind}; stops: {self.stops}")

    def finish(self):
        for _ in self._read():
            pass
        true(self.metadata, f"the last event is metadata; stops: {self.stops}")

    def _read(self):
        for event in self._stream:
            self.events.append(event)
            equal(len(event), 1)
            (kind, payload), = event.items()
            true(self.metadata is None, f"nothing follows metadata, but {kind} did")
            {
                "messageStart": self._message_start,
                "contentBlockStart": self._block_start,
                "contentBlockDelta": self._block_delta,
                "contentBlockStop": self._block_stop,
                "messageStop": self._message_stop,
                "metadata": self._metadata,
            }[kind](payload)
            yield event

    def _message_start(self, payload):
        true(self._open is None, "messages do not nest")
        true(not self._bare_stop, "no message follows a bare messageStop")
        true(payload["role"] in ("assistant", "user"), payload)
        self._open = {"role": payload["role"], "content": []}

    def _block_start(self, payload):
        true(self._open is not None and self._block is None, "a block starts inside a message, outside a block")
        equal(payload["contentBlockIndex"], len(self._open["content"]), "indices grow by one from 0")
        (kind, start), = payload["start"].items()
        self._block = {"index": payload["contentBlockIndex"], "kind": kind, "start": dict(start), "input": "", "content": []}

    def _block_delta(self, payload):
        true(self._open is not None, "a delta stands inside a message")
        (kind, delta), = payload["delta"].items()
        if self._block is None:
            equal(payload["contentBlockIndex"], len(self._open["content"]), "indices grow by one from 0")
            true(kind in ("text", "reasoningContent"), "only text and reasoning open with a delta")
            self._block = {"index": payload["contentBlockIndex"], "kind": kind, "text": ""}
        equal(payload["contentBlockIndex"], self._block["index"])
        if kind == "text":
            true(delta, "deltas are never empty")
            self._block["text"] += delta
        elif kind == "toolUse":
            true(delta["input"], "deltas are never empty")
            self._block["input"] += delta["input"]
        elif kind == "toolResult":
            self._block["content"] += delta
        elif kind == "reasoningContent":
            self._block["text"] += delta.get("text", "")
        else:
            equal(kind, "toolResultMetadata")

    def _block_stop(self, payload):
        block, self._block = self._block, None
        true(block is not None, "a block is open")
        equal(payload["contentBlockIndex"], block["index"])
        if block["kind"] == "toolUse":
            equal(self._open["role"], "assistant")
            self._open["content"].append({"toolUse": {**block["start"], "input": json.loads(block["input"])}})
        elif block["kind"] == "toolResult":
            equal(self._open["role"], "user")
            self._open["content"].append({"toolResult": {**block["start"], "content": block["content"]}})
        else:
            self._open["content"].append({block["kind"]: block["text"]})

    def _message_stop(self, payload):
        true(self._block is None, "no block is open at messageStop")
        if self._open is not None:
            equal(self._open["role"] == "user", payload["stopReason"] == "tool_result", f"{self._open['role']} ends with {payload}")
            self.messages.append(self._open)
        else:
            true(not self._bare_stop, "at most one bare messageStop")
            self._bare_stop = True
        self._open = None
        self.stops.append(payload["stopReason"])

    def _metadata(self, payload):
        true(self._open is None, "metadata follows the last messageStop")
        usage = payload["usage"]
        equal(usage["totalTokens"], usage["inputTokens"] + usage["outputTokens"])
        true(payload["metrics"]["latencyMs"] >= 0, payload)
        self.metadata = payload
