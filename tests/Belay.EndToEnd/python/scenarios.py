"""The scenario list, driven by boto3. Prints one JSON line for each scenario:
{"name", "ok": true | false | null for skipped, "detail"}. `--list` prints the names; other arguments choose scenarios.
BELAY_MODELS names a folder of service models for a botocore whose own are too old. BELAY_SCENARIO_MODELS, a JSON object of model
configurations by name, has the chosen scenarios run with each of them; a result's name is then "scenario, model"."""

import json
import os
import re
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from botocore.exceptions import ClientError, EventStreamError

if os.environ.get("BELAY_MODELS"):
    os.environ["AWS_DATA_PATH"] = os.environ["BELAY_MODELS"]

from script import script  # noqa: E402
from world import ROLE_ARN, SCRIPTED_MODEL, World, equal, new_session_id, provider, refused, true, until  # noqa: E402

APPROVE = {
    "type": "inline_function",
    "name": "approve",
    "config": {
        "inlineFunction": {
            "description": "Ask a person to approve.",
            "inputSchema": {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]},
        },
    },
}

# A shell command that says that it runs and ends when another command creates /workspace/go.
WAIT_FOR_GO = "touch /workspace/running; until [ -e /workspace/go ]; do sleep 0.05; done; echo went"

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__.strip("_").replace("_", "-")] = function
    return function


def count_processes(marker):
    return (
        "n=0; for p in /proc/[0-9]*; do if tr '\\0' ' ' < $p/cmdline 2>/dev/null "
        f"| grep -q '^{marker}'; then n=$((n+1)); fi; done; echo $n"
    )


def answer_of(use, value):
    result = {"toolUseId": use["toolUseId"], "status": "success", "content": [{"json": value}]}
    return {"role": "user", "content": [{"toolResult": result}]}


def gone(action):
    try:
        action()
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return True
        if error.response["Error"]["Code"] == "RetryableConflictException":
            return False
        raise
    return False


def running(world, harness, session_id):
    return lambda: "running" in world.command(harness, session_id, "ls /workspace").stdout


@scenario
def create_get_defaults(world):
    name = world.unique_name()
    created = world.create(harnessName=name, model=None)
    equal(created["ResponseMetadata"]["HTTPStatusCode"], 201)
    true(created["ResponseMetadata"]["RequestId"], "a request id")
    equal(created["harness"]["status"], "CREATING")
    true(re.fullmatch(name + "-[a-zA-Z0-9]{10}", created["harness"]["harnessId"]), created["harness"]["harnessId"])
    true(re.match(r"arn:aws:bedrock-agentcore:us-west-2:\d{12}:harness/", created["harness"]["arn"]), created["harness"]["arn"])

    harness = world.ready(created["harness"]["harnessId"])
    equal(harness["harnessVersion"], "1")
    equal(harness["executionRoleArn"], ROLE_ARN)
    true("belay/scripted" in json.dumps(harness["model"]), harness["model"])
    equal([harness[name] for name in ("systemPrompt", "tools", "skills", "allowedTools")], [[], [], [], ["*"]])
    equal(harness["truncation"], {"strategy": "sliding_window", "config": {"slidingWindow": {"messagesCount": 150}}})
    equal([harness["maxIterations"], harness["timeoutSeconds"], harness.get("maxTokens")], [75, 3600, None])
    true(isinstance(harness["createdAt"], datetime) and harness["updatedAt"] >= harness["createdAt"], "times")
    runtime = harness["environment"]["agentCoreRuntimeEnvironment"]
    equal(runtime["lifecycleConfiguration"], {"idleRuntimeSessionTimeout": 900, "maxLifetime": 28800})
    equal(runtime["networkConfiguration"]["networkMode"], "PUBLIC")
    equal(runtime["agentRuntimeName"], "harness_" + name)
    true(runtime["agentRuntimeArn"].endswith(":runtime/" + runtime["agentRuntimeId"]), runtime)


@scenario
def list_and_paginate(world):
    mine = [world.harness()["harnessId"] for _ in range(3)][::-1]
    seen = []
    for page in world.control.get_paginator("list_harnesses").paginate(PaginationConfig={"PageSize": 2}):
        true(len(page["harnesses"]) <= 2, "a page is as small as asked for")
        seen += [harness["harnessId"] for harness in page["harnesses"]]
    equal([harness_id for harness_id in seen if harness_id in mine], mine, "newest first, each once")
    refused("ValidationException", 400, lambda: world.control.list_harnesses(nextToken="no-such-token"))
    refused("ValidationException", 400, lambda: world.control.list_harnesses(maxResults=101))


@scenario
def update_versions(world):
    harness_id = world.harness(systemPrompt=[{"text": "one"}, {"text": "two"}])["harnessId"]
    updating = world.control.update_harness(harnessId=harness_id, maxIterations=30, systemPrompt=[{"text": "three"}])["harness"]
    equal([updating["status"], updating["harnessVersion"], updating["maxIterations"]], ["UPDATING", "2", 30])
    world.ready(harness_id, "2")
    world.control.update_harness(harnessId=harness_id)
    third = world.ready(harness_id, "3")
    equal([third["maxIterations"], third["systemPrompt"]], [30, [{"text": "three"}]])

    first = world.control.get_harness(harnessId=harness_id, harnessVersion="1")["harness"]
    equal([first["harnessVersion"], first["maxIterations"], len(first["systemPrompt"])], ["1", 75, 2])
    pages = world.control.get_paginator("list_harness_versions").paginate(harnessId=harness_id, PaginationConfig={"PageSize": 2})
    equal([version["harnessVersion"] for page in pages for version in page["harnessVersions"]], ["3", "2", "1"])
    refused("ResourceNotFoundException", 404, lambda: world.control.get_harness(harnessId=harness_id, harnessVersion="9"))


@scenario
def optional_value_clear(world):
    harness_id = world.harness(
        memory={"managedMemoryConfiguration": {}},
        environmentArtifact={"containerConfiguration": {"containerUri": "000000000000.dkr.ecr.us-west-2.amazonaws.com/agents:1"}},
        authorizerConfiguration={"customJWTAuthorizer": {
            "discoveryUrl": "https://login.example.com/.well-known/openid-configuration", "allowedAudience": ["me"]}},
    )["harnessId"]
    world.control.update_harness(harnessId=harness_id, maxIterations=5)
    kept = world.ready(harness_id, "2")
    true("environmentArtifact" in kept and "authorizerConfiguration" in kept and "managedMemoryConfiguration" in kept["memory"],
         "absent members keep their value")
    world.control.update_harness(harnessId=harness_id, environmentArtifact={}, authorizerConfiguration={}, memory={})
    cleared = world.ready(harness_id, "3")
    true("environmentArtifact" not in cleared and "authorizerConfiguration" not in cleared, cleared)
    equal(cleared["memory"], {"disabled": {}})
    world.control.update_harness(
        harnessId=harness_id, memory={"optionalValue": {"managedMemoryConfiguration": {"strategies": ["SEMANTIC"]}}})
    equal(world.ready(harness_id, "4")["memory"]["managedMemoryConfiguration"]["strategies"], ["SEMANTIC"])


@scenario
def endpoints_lifecycle_rollback(world):
    harness = world.harness()
    harness_id = harness["harnessId"]
    at = {"harnessId": harness_id, "endpointName": "live"}
    control = world.control
    created = control.create_harness_endpoint(**at, description="for users")["endpoint"]
    equal([created["status"], created["targetVersion"], created.get("liveVersion")], ["CREATING", "1", None])
    equal(created["arn"], harness["arn"] + "/harness-endpoint/live")
    true("targetVersion" not in world.endpoint_ready(harness_id, "live", "1"), "a settled endpoint has no target")

    control.update_harness(harnessId=harness_id, maxIterations=9)
    world.ready(harness_id, "2")
    world.endpoint_ready(harness_id, "DEFAULT", "2")
    world.endpoint_ready(harness_id, "live", "1")

    rolling = control.update_harness_endpoint(**at, targetVersion="2")["endpoint"]
    equal([rolling["status"], rolling["liveVersion"], rolling["targetVersion"]], ["UPDATING", "1", "2"])
    world.endpoint_ready(harness_id, "live", "2")
    control.update_harness_endpoint(**at, targetVersion="1")
    equal(world.endpoint_ready(harness_id, "live", "1")["description"], "for users")
    turn = world.invoke(harness, new_session_id(), script("from the endpoint"), qualifier="live")
    equal(turn.text, "from the endpoint")

    endpoints = control.list_harness_endpoints(harnessId=harness_id)["endpoints"]
    equal([endpoint["endpointName"] for endpoint in endpoints], ["DEFAULT", "live"])
    default = {"harnessId": harness_id, "endpointName": "DEFAULT"}
    refused("ConflictException", 409, lambda: control.create_harness_endpoint(**at))
    refused("ValidationException", 400, lambda: control.create_harness_endpoint(**default))
    refused("ValidationException", 400, lambda: control.update_harness_endpoint(**default, targetVersion="1"))
    refused("ValidationException", 400, lambda: control.delete_harness_endpoint(**default))
    refused("ValidationException", 400, lambda: control.update_harness_endpoint(**at))
    refused("ResourceNotFoundException", 404, lambda: control.update_harness_endpoint(**at, targetVersion="77"))
    for i in range(3, 11):
        control.create_harness_endpoint(harnessId=harness_id, endpointName=f"e{i}")
    refused("ServiceQuotaExceededException", 402,
            lambda: control.create_harness_endpoint(harnessId=harness_id, endpointName="e11"))

    equal(control.delete_harness_endpoint(**at)["endpoint"]["status"], "DELETING")
    until("the endpoint is gone", lambda: gone(lambda: control.get_harness_endpoint(**at)))
    refused("ResourceNotFoundException", 404, lambda: world.invoke(harness, new_session_id(), "Hello", qualifier="live"))


@scenario
def tags(world):
    harness = world.harness(tags={"team": "lab", "stage": "test"})
    arn, control = harness["arn"], world.control

    def read(resource_arn):
        return control.list_tags_for_resource(resourceArn=resource_arn)["tags"]

    equal(read(arn), {"team": "lab", "stage": "test"})
    control.tag_resource(resourceArn=arn, tags={"stage": "live", "odd key/=+@": "a b"})
    control.untag_resource(resourceArn=arn, tagKeys=["team", "never there", "odd key/=+@"])
    equal(read(arn), {"stage": "live"})
    endpoint = control.create_harness_endpoint(harnessId=harness["harnessId"], endpointName="live", tags={"a": "1"})["endpoint"]
    equal(read(endpoint["arn"]), {"a": "1"})
    refused("ValidationException", 400, lambda: control.tag_resource(resourceArn=arn, tags={"aws:mine": "x"}))
    fifty = {f"k{i}": "v" for i in range(50)}
    refused("ServiceQuotaExceededException", 402, lambda: control.tag_resource(resourceArn=arn, tags=fifty))
    refused("ResourceNotFoundException", 404, lambda: read(arn[:-10] + "a" * 10))


@scenario
def resource_policy(world):
    arn, control = world.harness()["arn"], world.control
    statement = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
                 "Action": "bedrock-agentcore:InvokeHarness", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    refused("ResourceNotFoundException", 404, lambda: control.get_resource_policy(resourceArn=arn))
    put = control.put_resource_policy(resourceArn=arn, policy=policy)
    equal([put["policy"], put["ResponseMetadata"]["HTTPStatusCode"]], [policy, 201])
    equal(control.get_resource_policy(resourceArn=arn)["policy"], policy)
    refused("ValidationException", 400, lambda: control.put_resource_policy(resourceArn=arn, policy="not json"))
    control.delete_resource_policy(resourceArn=arn)
    refused("ResourceNotFoundException", 404, lambda: control.get_resource_policy(resourceArn=arn))


@scenario
def delete_then_404(world):
    harness = world.harness()
    harness_id, control = harness["harnessId"], world.control
    equal(control.delete_harness(harnessId=harness_id)["harness"]["status"], "DELETING")
    until("the harness is gone", lambda: gone(lambda: control.get_harness(harnessId=harness_id)))
    refused("ResourceNotFoundException", 404, lambda: control.delete_harness(harnessId=harness_id))
    refused("ResourceNotFoundException", 404, lambda: control.update_harness(harnessId=harness_id, maxIterations=1))
    refused("ResourceNotFoundException", 404, lambda: world.invoke(harness, new_session_id(), "Hello"))
    refused("ResourceNotFoundException", 404, lambda: control.list_tags_for_resource(resourceArn=harness["arn"]))


@scenario
def validation_errors_all_fields(world):
    response = refused("ValidationException", 400, lambda: world.create(
        harnessName="1bad name",
        executionRoleArn="nonsense",
        maxIterations=0,
        allowedTools=["shell", "a/b/c"],
        tools=[{"type": "inline_function", "name": "not a name"}],
        truncation={"strategy": "sliding_window", "config": {"slidingWindow": {"messagesCount": 0}}},
    ))
    equal(response["reason"], "FieldValidationFailed")
    names = [field["name"] for field in response["fieldList"]]
    for name in ("harnessName", "executionRoleArn", "maxIterations", "allowedTools[1]", "tools[0].name", "tools[0].config", "truncation"):
        true(any(reported.startswith(name) for reported in names), f"{name} is missing from {names}")
    true(all(field["message"] for field in response["fieldList"]), "each field says what is wrong")
    true(response["message"].startswith(f"{len(names)} validation error"), response["message"])


@scenario
def name_conflict(world):
    name = world.harness()["harnessName"]
    refused("ConflictException", 409, lambda: world.create(harnessName=name))


@scenario
def idempotent_client_token(world):
    given = {"harnessName": world.unique_name(), "clientToken": new_session_id()}
    first, second = world.create(**given), world.create(**given)
    equal(second["harness"]["harnessId"], first["harness"]["harnessId"])
    harness_id = world.ready(first["harness"]["harnessId"])["harnessId"]
    update = {"harnessId": harness_id, "maxIterations": 3, "clientToken": new_session_id()}
    world.control.update_harness(**update)
    world.control.update_harness(**update)
    equal(world.ready(harness_id)["harnessVersion"], "2", "a repeated update makes one version")


@scenario
def idempotency_mismatch(world):
    given = {"harnessName": world.unique_name(), "clientToken": new_session_id()}
    world.create(**given)
    response = refused("ValidationException", 400, lambda: world.create(**given, maxIterations=3))
    equal(response["reason"], "IdempotentParameterMismatchException")


@scenario
def wrong_secret_403(world):
    stranger = World(aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"], aws_secret_access_key="a" * 40)
    response = refused("AccessDeniedException", 403, stranger.control.list_harnesses)
    true("signature" in response["Error"]["Message"].lower(), response["Error"]["Message"])
    harness = world.harness()
    refused("AccessDeniedException", 403, lambda: stranger.invoke(harness, new_session_id(), "Hello"))


@scenario
def unknown_key_403(world):
    stranger = World(aws_access_key_id="BELAYNOSUCHKEY000000", aws_secret_access_key="a" * 40)
    response = refused("AccessDeniedException", 403, stranger.control.list_harnesses)
    true("security token" in response["Error"]["Message"].lower(), response["Error"]["Message"])


@scenario
def hooks_refused(world):
    # The models of older SDKs do not know the member, so it is added to the body before the request is signed.
    hooks = [{"beforeToolCall": {"name": "guard", "target": {"lambda": {"arn": "arn:aws:lambda:us-west-2:123456789012:function:guard"}}}}]

    def add_hooks(params, **_):
        params["body"] = json.dumps({**json.loads(params["body"]), "hooks": hooks}).encode()

    events = world.control.meta.events
    harness = world.harness()
    for operation in ("CreateHarness", "UpdateHarness"):
        events.register(f"before-call.bedrock-agentcore-control.{operation}", add_hooks, unique_id=operation)
    response = refused("ValidationException", 400, world.create)
    true("hooks" in json.dumps(response["fieldList"]), response)
    refused("ValidationException", 400, lambda: world.control.update_harness(harnessId=harness["harnessId"]))
    hooks = []
    world.harness()


@scenario
def unbuilt_operation_named(world):
    try:
        world.control.list_memories()
    except ClientError as error:
        true(error.response["Error"]["Code"].endswith("Exception"), error)
        true("ListMemories" in error.response["Error"]["Message"], error)
        return
    raise AssertionError("ListMemories answered")


@scenario
def text_turn_event_grammar(world):
    turn = world.invoke(world.harness(), new_session_id(), script("A short answer."))
    equal(turn.events[0], {"messageStart": {"role": "assistant"}})
    true("contentBlockDelta" in turn.events[1], "a text block opens with its first delta")
    equal(turn.messages, [{"role": "assistant", "content": [{"text": "A short answer."}]}])
    equal(turn.stops, ["end_turn"])
    true(turn.metadata["usage"]["inputTokens"] > 0 and turn.metadata["usage"]["outputTokens"] > 0, turn.metadata)
    true(turn.request_id, "a request id")


@scenario
def tool_turn_shell(world):
    harness = world.harness(environmentVariables={"GREETING": "hello"})
    command = 'printf "$GREETING"; printf oops >&2; exit 3'
    turn = world.invoke(harness, new_session_id(), script({"calls": [["shell", {"command": command}]]}, "It ran."))
    equal(turn.stops, ["tool_use", "tool_result", "end_turn"])
    equal([(use["name"], use["type"], use["input"]) for use in turn.tool_uses], [("shell", "tool_use", {"command": command})])
    result, = turn.tool_results
    equal(result["toolUseId"], turn.tool_uses[0]["toolUseId"])
    equal(result["status"], "success")
    equal(result["content"], [{"json": {"stdout": "hello", "stderr": "oops", "exit_code": 3}}])
    equal(turn.text, "It ran.")


@scenario
def file_operations_turn(world):
    path = "/workspace/notes/list.txt"

    def call(**given):
        return {"calls": [["file_operations", {"path": path, **given}]]}

    turn = world.invoke(world.harness(), new_session_id(), script(
        call(command="create", file_text="one\nthree\n"),
        call(command="insert", insert_line=1, new_str="two"),
        call(command="str_replace", old_str="three", new_str="drei"),
        call(command="view", view_range=[2, -1]),
        call(command="str_replace", old_str="absent", new_str="x"),
        "Filed.",
    ))
    equal(turn.text, "Filed.")
    texts = ["".join(item["text"] for item in result["content"]) for result in turn.tool_results]
    equal([result["status"] for result in turn.tool_results], ["success", "success", "success", "success", "error"])
    equal(texts[0], f"Successfully created file '{path}'")
    equal(texts[1], f"Successfully inserted text in '{path}' at line 2")
    equal(texts[2], f"Successfully replaced text in '{path}'")
    equal(texts[3].rstrip(), "2: two\n3: drei")
    true(texts[4].startswith("Error:"), texts[4])


@scenario
def two_tools_one_fails(world):
    turn = world.invoke(world.harness(), new_session_id(), script(
        {"calls": [["file_operations", {"command": "view", "path": "/workspace/missing"}], ["shell", {"command": "echo fine"}]]},
        "One of two.",
    ))
    equal(turn.stops, ["tool_use", "tool_result", "end_turn"])
    equal([result["status"] for result in turn.tool_results], ["error", "success"])
    equal([result["toolUseId"] for result in turn.tool_results], [use["toolUseId"] for use in turn.tool_uses], "results come in call order")
    equal(turn.tool_results[1]["content"][0]["json"]["stdout"], "fine\n")
    equal(turn.text, "One of two.")


@scenario
def inline_function_pause_resume_both(world):
    harness, session_id = world.harness(tools=[APPROVE]), new_session_id()
    paused = world.invoke(harness, session_id, script({"say": "May I?", "calls": [["approve", {"amount": 120}]]}, "Thank you."))
    equal(paused.stops, ["tool_use"])
    use = paused.tool_uses[0]
    equal([use["name"], use["type"], use["input"]], ["approve", "tool_use", {"amount": 120}])
    call = {"toolUseId": use["toolUseId"], "name": use["name"], "input": use["input"]}
    resumed = world.invoke(harness, session_id, [
        {"role": "assistant", "content": [{"toolUse": call}]},
        answer_of(use, {"approved": True}),
    ])
    equal(resumed.stops, ["end_turn"])
    equal(resumed.text, "Thank you.")


@scenario
def inline_function_resume_results_only(world):
    harness, session_id = world.harness(), new_session_id()
    paused = world.invoke(harness, session_id, script({"calls": [["approve", {"amount": 1}]]}, "Done."), tools=[APPROVE])
    never_offered = answer_of({"toolUseId": "tooluse_never_offered"}, {})
    refused("ValidationException", 400, lambda: world.invoke(harness, session_id, [never_offered]))
    resumed = world.invoke(harness, session_id, [answer_of(paused.tool_uses[0], {"approved": False})])
    equal([resumed.stops, resumed.text], [["end_turn"], "Done."])


@scenario
def inline_between_server_tools(world):
    harness, session_id = world.harness(tools=[APPROVE]), new_session_id()
    paused = world.invoke(harness, session_id, script(
        {"calls": [["shell", {"command": "echo A"}], ["approve", {"amount": 2}], ["shell", {"command": "echo C"}]]},
        "All three.",
    ))
    equal(paused.stops, ["tool_use", "tool_result", "tool_use"])
    equal([result["toolUseId"] for result in paused.tool_results], [paused.tool_uses[0]["toolUseId"]], "only A ran")
    resumed = world.invoke(harness, session_id, [answer_of(paused.tool_uses[1], {"approved": True})])
    equal(resumed.stops, ["tool_result", "end_turn"])
    equal([result["toolUseId"] for result in resumed.tool_results], [paused.tool_uses[2]["toolUseId"]])
    equal(resumed.tool_results[0]["content"][0]["json"]["stdout"], "C\n")
    equal(resumed.text, "All three.")


@scenario
def inline_not_answered(world):
    harness, session_id = world.harness(tools=[APPROVE]), new_session_id()
    paused = world.invoke(harness, session_id, script({"calls": [["approve", {"amount": 3}]]}, "Never said."))
    following = world.invoke(harness, session_id, script("Something else."))
    equal([following.stops, following.text], [["end_turn"], "Something else."])
    refused("ValidationException", 400, lambda: world.invoke(harness, session_id, [answer_of(paused.tool_uses[0], {})]))


@scenario
def max_iterations(world):
    harness, session_id = world.harness(), new_session_id()
    turn = world.invoke(harness, session_id, script({"calls": [["shell", {"command": "true"}]]}, "Too late."), maxIterations=1)
    equal(turn.stops, ["tool_use", "tool_result", "max_iterations_exceeded"])
    equal(world.invoke(harness, session_id, script("Still here.")).text, "Still here.")


@scenario
def max_output_tokens(world):
    harness = world.harness(maxTokens=1)
    turn = world.invoke(harness, new_session_id(), script({"calls": [["shell", {"command": "true"}]]}, "Too late."))
    equal(turn.stops, ["tool_use", "tool_result", "max_output_tokens_exceeded"])
    true(turn.metadata["usage"]["outputTokens"] >= 1, "the last call may overshoot")


@scenario
def timeout_kills_shell(world):
    harness, session_id = world.harness(), new_session_id()
    turn = world.invoke(harness, session_id, script({"calls": [["shell", {"command": "sleep 3611"}]]}, "Too late."), timeoutSeconds=2)
    equal(turn.stops[-1], "timeout_exceeded")
    true(turn.metadata["metrics"]["latencyMs"] < 30_000, turn.metadata)
    equal(world.command(harness, session_id, count_processes("sleep 3611")).stdout.strip(), "0", "the process is gone")
    equal(world.invoke(harness, session_id, script("Usable.")).text, "Usable.")


@scenario
def overrides_not_stored(world):
    harness = world.harness(tools=[APPROVE], systemPrompt=[{"text": "Stored."}])
    turn = world.invoke(
        harness, new_session_id(), script("Overridden."), model=world.model, systemPrompt=[{"text": "For one call."}],
        tools=[], allowedTools=["shell"], maxIterations=2, maxTokens=1000, timeoutSeconds=60)
    equal(turn.text, "Overridden.")
    equal(world.control.get_harness(harnessId=harness["harnessId"])["harness"], harness)
    response = refused("ValidationException", 400, lambda: world.invoke(
        harness, new_session_id(), "Hello", maxIterations=0, timeoutSeconds=0, allowedTools=["a/b/c"]))
    equal(len(response["fieldList"]), 3, str(response["fieldList"]))


@scenario
def allowed_tools_none(world):
    harness = world.harness(allowedTools=["none"])
    turn = world.invoke(harness, new_session_id(), script({"calls": [["shell", {"command": "echo ran"}]]}, "Refused."))
    equal(turn.stops, ["tool_use", "tool_result", "end_turn"])
    equal(turn.tool_results[0]["status"], "error")
    equal(turn.tool_results[0]["content"], [{"text": "Unknown tool: shell"}])


@scenario
def busy_session_424(world):
    harness, session_id = world.harness(), new_session_id()
    first = world.start(harness, session_id, script({"calls": [["shell", {"command": WAIT_FOR_GO}]]}, "First."))
    first.read_until("messageStop")
    response = refused("RuntimeClientError", 424, lambda: world.invoke(harness, session_id, script("Second.")))
    true("already processing" in response["Error"]["Message"], response)
    world.command(harness, session_id, "touch /workspace/go")
    first.finish()
    equal(first.text, "First.")
    equal(world.invoke(harness, session_id, script("Second.")).text, "Second.")


@scenario
def history_across_calls(world):
    harness, session_id = world.harness(), new_session_id()
    first = world.invoke(harness, session_id, script("A first answer. " + "word " * 200))
    second = world.invoke(harness, session_id, script("Short."))
    alone = world.invoke(harness, new_session_id(), script("Short."))
    with_history, without = (turn.metadata["usage"]["inputTokens"] for turn in (second, alone))
    true(with_history >= without + first.metadata["usage"]["outputTokens"] / 2,
         f"the model read the history: {with_history} against {without}")


@scenario
def other_actor_refused(world):
    harness, session_id = world.harness(), new_session_id()
    world.invoke(harness, session_id, script("Mine."), actorId="ann")
    response = refused("ValidationException", 400, lambda: world.invoke(harness, session_id, script("Yours?"), actorId="bob"))
    equal(response["reason"], "ResourceConflict")
    equal(world.invoke(harness, session_id, script("Mine again.")).text, "Mine again.")


@scenario
def session_id_lengths(world):
    harness = world.harness()

    def session_id(length):
        return new_session_id().ljust(length, "x")[:length]

    for wrong in (session_id(32), session_id(101), session_id(35) + ".", "-" + session_id(35)):
        refused("ValidationException", 400, lambda: world.invoke(harness, wrong, script("No.")))
    for length in (33, 100):
        equal(world.invoke(harness, session_id(length), script("Yes.")).text, "Yes.")
    refused("ValidationException", 400, lambda: world.command(harness, session_id(101), "true"))


@scenario
def foreign_credential_provider_refused(world):
    model = {"geminiModelConfig": {
        "modelId": "gemini-x",
        "apiKeyArn": "arn:aws:bedrock-agentcore:us-west-2:123456789012:token-vault/default/apikeycredentialprovider/gemini",
    }}
    try:
        world.invoke(world.harness(), new_session_id(), "Hello", model=model)
    except (ClientError, EventStreamError) as error:
        true(error.response["Error"]["Code"].lower() in ("validationexception", "runtimeclienterror"), error)
        true("gemini" in error.response["Error"]["Message"].lower(), error)
        return
    raise AssertionError("a model whose key is another account's answered")


@scenario
def credential_provider_and_its_key(world):
    name, key = world.unique_name(), f"sk-{new_session_id()}"
    made = world.control.create_api_key_credential_provider(name=name, apiKey=key, tags={"team": "a"})
    try:
        true(made["credentialProviderArn"].endswith(f":token-vault/default/apikeycredentialprovider/{name}"), made)
        got = world.control.get_api_key_credential_provider(name=name)
        equal([got["name"], got["apiKeySecretSource"], got["createdTime"]], [name, "MANAGED", got["lastUpdatedTime"]])
        true(key not in str(made) + str(got), "no answer has the key")
        pages = world.control.get_paginator("list_api_key_credential_providers").paginate(PaginationConfig={"PageSize": 1})
        true(name in [provider["name"] for page in pages for provider in page["credentialProviders"]], "it is listed")
        equal(world.control.list_tags_for_resource(resourceArn=made["credentialProviderArn"])["tags"], {"team": "a"})
        refused("ConflictException", 409, lambda: world.control.create_api_key_credential_provider(name=name, apiKey=key))
        equal(world.control.get_token_vault()["kmsConfiguration"], {"keyType": "ServiceManagedKey"})

        workload = world.control.create_workload_identity(name=name)
        equal(world.control.get_workload_identity(name=name)["workloadIdentityArn"], workload["workloadIdentityArn"])
        token = world.data.get_workload_access_token_for_user_id(workloadName=name, userId="anna")["workloadAccessToken"]
        ask = lambda given: world.data.get_resource_api_key(workloadIdentityToken=given, resourceCredentialProviderName=name)
        equal(ask(token)["apiKey"], key)
        world.control.update_api_key_credential_provider(name=name, apiKey=key + "2")
        equal(ask(world.data.get_workload_access_token(workloadName=name)["workloadAccessToken"])["apiKey"], key + "2")
        refused("UnauthorizedException", 401, lambda: ask(token[:-1] + ("A" if token[-1] != "A" else "B")))
        refused("ValidationException", 400, lambda: world.data.get_workload_access_token_for_jwt(workloadName=name, userToken="e30.e30.e30"))
        world.control.delete_workload_identity(name=name)
        refused("UnauthorizedException", 401, lambda: ask(token))
    finally:
        world.control.delete_api_key_credential_provider(name=name)
    refused("ResourceNotFoundException", 404, lambda: world.control.get_api_key_credential_provider(name=name))


@scenario
def provider_key_rotates(world):
    name = world.unique_name()
    with provider() as (url, keys):
        arn = world.control.create_api_key_credential_provider(name=name, apiKey="sk-first")["credentialProviderArn"]
        harness = world.harness(model={"liteLlmModelConfig": {"modelId": "openai/m", "apiBase": url, "apiKeyArn": arn}})
        session_id = new_session_id()
        equal(world.invoke(harness, session_id, "Hello").text, "Hi.")
        world.control.update_api_key_credential_provider(name=name, apiKey="sk-second")
        equal(world.invoke(harness, session_id, "Hello again").text, "Hi.")
        world.control.delete_api_key_credential_provider(name=name)
        error = refused("RuntimeClientError", 424, lambda: world.invoke(harness, session_id, "And again"))["Error"]
        equal(error["Message"], f"credential provider not found: {name}")
        equal(keys, ["Bearer sk-first", "Bearer sk-second"])


@scenario
def command_stream(world):
    harness, session_id = world.harness(environmentVariables={"GREETING": "hello"}), new_session_id()
    run = world.command(harness, session_id, 'echo "$GREETING"; echo sorry >&2; id -u; pwd; exit 7')
    equal(run.session_id, session_id)
    equal([run.stdout, run.stderr, run.exit_code, run.status], ["hello\n0\n/workspace\n", "sorry\n", 7, "COMPLETED"])
    killed = world.command(harness, session_id, "kill -9 $$")
    equal([killed.exit_code, killed.status], [137, "COMPLETED"])
    equal(world.command(harness, session_id, f": {'x' * 65_000}; echo long").stdout, "long\n")
    turn = world.invoke(harness, session_id, script({"calls": [["shell", {"command": "touch /workspace/by-agent; pwd"}]]}, "Ok."))
    equal(turn.tool_results[0]["content"][0]["json"]["stdout"], "/workspace\n")
    equal(world.command(harness, session_id, "ls /workspace").stdout, "by-agent\n", "one sandbox serves both")
    refused("ValidationException", 400, lambda: world.command(harness, session_id, "x" * 65_537))


@scenario
def command_timeout(world):
    harness, session_id = world.harness(), new_session_id()
    run = world.command(harness, session_id, "echo started; sleep 3612", 1)
    equal([run.stdout, run.exit_code, run.status], ["started\n", 124, "TIMED_OUT"])
    equal(world.command(harness, session_id, count_processes("sleep 3612")).stdout.strip(), "0")
    refused("ValidationException", 400, lambda: world.command(harness, session_id, "true", 3601))


@scenario
def command_new_session(world):
    harness = world.harness()
    first = world.command(harness, None, "echo kept > /workspace/file")
    true(re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_-]{32,99}", first.session_id), first.session_id)
    equal(world.command(harness, first.session_id, "cat /workspace/file").stdout, "kept\n")
    other = world.command(harness, None, "ls /workspace")
    true(other.session_id != first.session_id, "each call has a session of its own")
    equal(other.stdout, "")


@scenario
def command_runtime_arn_refused(world):
    arn = world.harness()["environment"]["agentCoreRuntimeEnvironment"]["agentRuntimeArn"]
    response = refused("ValidationException", 400, lambda: world.command({"arn": arn}, new_session_id(), "true"))
    true("harness" in response["Error"]["Message"].lower(), response)


@scenario
def stop_session_interrupts(world):
    harness, session_id = world.harness(), new_session_id()
    turn = world.start(harness, session_id, script({"calls": [["shell", {"command": WAIT_FOR_GO}]]}, "Never said."))
    turn.read_until("messageStop")
    until("the command runs", running(world, harness, session_id))
    equal(world.stop(harness, session_id)["runtimeSessionId"], session_id)
    turn.finish()
    equal(turn.stops[-1], "interrupted")
    equal(world.invoke(harness, session_id, script("After the stop.")).text, "After the stop.")


@scenario
def stop_unknown_404(world):
    harness, session_id = world.harness(), new_session_id()
    refused("ResourceNotFoundException", 404, lambda: world.stop(harness, new_session_id()))
    world.command(harness, session_id, "true")
    world.stop(harness, session_id)
    until("the session is terminated", lambda: gone(lambda: world.stop(harness, session_id)))


@scenario
def session_storage_survives_stop(world):
    mounts = [{"sessionStorage": {"mountPath": "/mnt/data"}}]
    harness = world.harness(environment={"agentCoreRuntimeEnvironment": {"filesystemConfigurations": mounts}})
    session_id = new_session_id()
    write = world.command(harness, session_id, "echo a > /mnt/data/a && echo b > /workspace/b && echo c > /tmp/c")
    equal(write.exit_code, 0, write.stderr)
    world.stop(harness, session_id)
    read = world.command(harness, session_id, "cat /mnt/data/a /workspace/b; ls /tmp")
    equal(read.stdout, "a\nb\n", "storage and workspace survive, the rest does not")


@scenario
def two_sessions_isolated(world):
    harness, one, two = world.harness(), new_session_id(), new_session_id()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(
            world.command, harness, one, f"echo private > /workspace/mine; echo private > /tmp/mine; {WAIT_FOR_GO}")
        try:
            until("the first session runs", running(world, harness, one))
            until("its own processes are seen", lambda: world.command(harness, one, count_processes("sleep 0.05")).stdout.strip() != "0")
            files = world.command(harness, two, "ls -A /workspace; grep -rls private /workspace /tmp /mnt /home /root /var; true")
            equal(files.stdout, "", "nothing of the other session's files is seen")
            processes = world.command(harness, two, count_processes("sleep 0.05"))
            equal(processes.stdout.strip(), "0", "nothing of the other session's processes is seen")
        finally:
            world.command(harness, one, "touch /workspace/go")
        equal(waiting.result().exit_code, 0)


def main():
    chosen = sys.argv[1:]
    if chosen == ["--list"]:
        print("\n".join(SCENARIOS))
        return 0

    output = threading.Lock()
    known = dir(World().control)

    models = json.loads(os.environ.get("BELAY_SCENARIO_MODELS", "null")) or {None: SCRIPTED_MODEL}

    def run(chosen_run):
        name, model = chosen_run
        result = {"name": name if model is None else f"{name}, {model}", "ok": True, "detail": ""}
        if "create_harness_endpoint" not in known:
            result.update(ok=None, detail="the models of this botocore know no harness endpoints; set BELAY_MODELS to a folder of newer ones")
        else:
            try:
                world = World(models[model])
                SCENARIOS[name](world)
                world.dispose()
            except Exception:  # Whatever a scenario raises is its result.
                result.update(ok=False, detail=traceback.format_exc())
        with output:
            print(json.dumps(result), flush=True)
        return result["ok"] is not False

    runs = [(name, model) for name in chosen or SCENARIOS for model in models]
    with ThreadPoolExecutor(3) as pool:
        return 0 if all(list(pool.map(run, runs))) else 1


if __name__ == "__main__":
    sys.exit(main())
