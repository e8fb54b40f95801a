// The scenario list, driven by the AWS SDK for JavaScript v3. Prints one JSON line for each scenario:
// {"name", "ok": true | false | null for skipped, "detail"}. `--list` prints the names; other arguments choose scenarios.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { script } from './script.mjs';
import { newSessionId, refused, RoleArn, ScriptedModel, until, World } from './world.mjs';

const Approve = {
  type: 'inline_function',
  name: 'approve',
  config: {
    inlineFunction: {
      description: 'Ask a person to approve.',
      inputSchema: { type: 'object', properties: { amount: { type: 'number' } }, required: ['amount'] },
    },
  },
};

// A shell command that says that it runs and ends when another command creates /workspace/go.
const WaitForGo = 'touch /workspace/running; until [ -e /workspace/go ]; do sleep 0.05; done; echo went';

// A scenario that hangs fails by its own name, not by the limit of the whole run.
const ScenarioLimitMs = 150_000;

const countProcesses = (marker) =>
  `n=0; for p in /proc/[0-9]*; do if tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -q '^${marker}'; then n=$((n+1)); fi; done; echo $n`;

const scenarios = {
  async 'create-get-defaults'(world) {
    const name = world.uniqueName();
    const created = await world.create({ harnessName: name, model: undefined });
    assert.equal(created.$metadata.httpStatusCode, 201);
    assert.ok(created.$metadata.requestId);
    assert.equal(created.harness.status, 'CREATING');
    assert.match(created.harness.harnessId, new RegExp(`^${name}-[a-zA-Z0-9]{10}$`));
    assert.match(created.harness.arn, /^arn:aws:bedrock-agentcore:us-west-2:\d{12}:harness\//);

    const harness = await world.ready(created.harness.harnessId);
    assert.equal(harness.harnessVersion, '1');
    assert.equal(harness.executionRoleArn, RoleArn);
    assert.ok(JSON.stringify(harness.model).includes('belay/scripted'), JSON.stringify(harness.model));
    assert.deepEqual([harness.systemPrompt, harness.tools, harness.skills, harness.allowedTools], [[], [], [], ['*']]);
    assert.deepEqual(harness.truncation, { strategy: 'sliding_window', config: { slidingWindow: { messagesCount: 150 } } });
    assert.deepEqual([harness.maxIterations, harness.timeoutSeconds, harness.maxTokens], [75, 3600, undefined]);
    assert.ok(harness.createdAt instanceof Date && harness.updatedAt >= harness.createdAt);
    const runtime = harness.environment.agentCoreRuntimeEnvironment;
    assert.deepEqual(runtime.lifecycleConfiguration, { idleRuntimeSessionTimeout: 900, maxLifetime: 28800 });
    assert.equal(runtime.networkConfiguration.networkMode, 'PUBLIC');
    assert.equal(runtime.agentRuntimeName, `harness_${name}`);
    assert.ok(runtime.agentRuntimeArn.endsWith(`:runtime/${runtime.agentRuntimeId}`));
  },

  async 'list-and-paginate'(world) {
    const mine = [];
    for (let i = 0; i < 3; i++) {
      mine.unshift((await world.harness()).harnessId);
    }
    const seen = [];
    let nextToken;
    do {
      const page = await world.manage('ListHarnesses', { maxResults: 2, nextToken });
      assert.ok(page.harnesses.length <= 2);
      seen.push(...page.harnesses.map((harness) => harness.harnessId));
      nextToken = page.nextToken;
    } while (nextToken);
    assert.deepEqual(seen.filter((id) => mine.includes(id)), mine, 'newest first, each once');
    await refused(world.manage('ListHarnesses', { nextToken: 'no-such-token' }), 'ValidationException', 400);
    await refused(world.manage('ListHarnesses', { maxResults: 101 }), 'ValidationException', 400);
  },

  async 'update-versions'(world) {
    const { harnessId } = await world.harness({ systemPrompt: [{ text: 'one' }, { text: 'two' }] });
    const { harness: updating } = await world.manage('UpdateHarness', { harnessId, maxIterations: 30, systemPrompt: [{ text: 'three' }] });
    assert.deepEqual([updating.status, updating.harnessVersion, updating.maxIterations], ['UPDATING', '2', 30]);
    await world.ready(harnessId, '2');
    await world.manage('UpdateHarness', { harnessId });
    const third = await world.ready(harnessId, '3');
    assert.deepEqual([third.maxIterations, third.systemPrompt], [30, [{ text: 'three' }]]);

    const { harness: first } = await world.manage('GetHarness', { harnessId, harnessVersion: '1' });
    assert.deepEqual([first.harnessVersion, first.maxIterations, first.systemPrompt.length], ['1', 75, 2]);
    const versions = [];
    let nextToken;
    do {
      const page = await world.manage('ListHarnessVersions', { harnessId, maxResults: 2, nextToken });
      versions.push(...page.harnessVersions.map((version) => version.harnessVersion));
      nextToken = page.nextToken;
    } while (nextToken);
    assert.deepEqual(versions, ['3', '2', '1']);
    await refused(world.manage('GetHarness', { harnessId, harnessVersion: '9' }), 'ResourceNotFoundException', 404);
  },

  async 'optional-value-clear'(world) {
    const { harnessId } = await world.harness({
      memory: { managedMemoryConfiguration: {} },
      environmentArtifact: { containerConfiguration: { containerUri: '000000000000.dkr.ecr.us-west-2.amazonaws.com/agents:1' } },
      authorizerConfiguration: {
        customJWTAuthorizer: { discoveryUrl: 'https://login.example.com/.well-known/openid-configuration', allowedAudience: ['me'] },
      },
    });
    await world.manage('UpdateHarness', { harnessId, maxIterations: 5 });
    const kept = await world.ready(harnessId, '2');
    assert.ok(kept.environmentArtifact && kept.authorizerConfiguration && kept.memory.managedMemoryConfiguration, 'absent members keep their value');
    await world.manage('UpdateHarness', {
      harnessId,
      environmentArtifact: { optionalValue: null },
      authorizerConfiguration: {},
      memory: {},
    });
    const cleared = await world.ready(harnessId, '3');
    assert.equal(cleared.environmentArtifact, undefined);
    assert.equal(cleared.authorizerConfiguration, undefined);
    assert.deepEqual(cleared.memory, { disabled: {} });
    await world.manage('UpdateHarness', { harnessId, memory: { optionalValue: { managedMemoryConfiguration: { strategies: ['SEMANTIC'] } } } });
    const set = await world.ready(harnessId, '4');
    assert.deepEqual(set.memory.managedMemoryConfiguration.strategies, ['SEMANTIC']);
  },

  async 'endpoints-lifecycle-rollback'(world) {
    const harness = await world.harness();
    const { harnessId } = harness;
    const at = { harnessId, endpointName: 'live' };
    const { endpoint: created } = await world.manage('CreateHarnessEndpoint', { ...at, description: 'for users' });
    assert.deepEqual([created.status, created.targetVersion, created.liveVersion], ['CREATING', '1', undefined]);
    assert.equal(created.arn, `${harness.arn}/harness-endpoint/live`);
    const ready = await world.endpointReady(harnessId, 'live', '1');
    assert.equal(ready.targetVersion, undefined);

    await world.manage('UpdateHarness', { harnessId, maxIterations: 9 });
    await world.ready(harnessId, '2');
    await world.endpointReady(harnessId, 'DEFAULT', '2');
    await world.endpointReady(harnessId, 'live', '1');

    const { endpoint: rolling } = await world.manage('UpdateHarnessEndpoint', { ...at, targetVersion: '2' });
    assert.deepEqual([rolling.status, rolling.liveVersion, rolling.targetVersion], ['UPDATING', '1', '2']);
    await world.endpointReady(harnessId, 'live', '2');
    await world.manage('UpdateHarnessEndpoint', { ...at, targetVersion: '1' });
    const back = await world.endpointReady(harnessId, 'live', '1');
    assert.equal(back.description, 'for users');
    const turn = await world.invoke(harness, newSessionId(), script('from the endpoint'), { qualifier: 'live' });
    assert.equal(turn.text, 'from the endpoint');

    const { endpoints } = await world.manage('ListHarnessEndpoints', { harnessId });
    assert.deepEqual(endpoints.map((endpoint) => endpoint.endpointName), ['DEFAULT', 'live']);
    await refused(world.manage('CreateHarnessEndpoint', at), 'ConflictException', 409);
    await refused(world.manage('CreateHarnessEndpoint', { harnessId, endpointName: 'DEFAULT' }), 'ValidationException', 400);
    await refused(world.manage('UpdateHarnessEndpoint', { harnessId, endpointName: 'DEFAULT', targetVersion: '1' }), 'ValidationException', 400);
    await refused(world.manage('DeleteHarnessEndpoint', { harnessId, endpointName: 'DEFAULT' }), 'ValidationException', 400);
    await refused(world.manage('UpdateHarnessEndpoint', at), 'ValidationException', 400);
    await refused(world.manage('UpdateHarnessEndpoint', { ...at, targetVersion: '77' }), 'ResourceNotFoundException', 404);
    for (let i = 3; i <= 10; i++) {
      await world.manage('CreateHarnessEndpoint', { harnessId, endpointName: `e${i}` });
    }
    await refused(world.manage('CreateHarnessEndpoint', { harnessId, endpointName: 'e11' }), 'ServiceQuotaExceededException', 402);

    const { endpoint: going } = await world.manage('DeleteHarnessEndpoint', at);
    assert.equal(going.status, 'DELETING');
    await until('the endpoint is gone', () => gone(world.manage('GetHarnessEndpoint', at)));
    await refused(world.invoke(harness, newSessionId(), 'Hello', { qualifier: 'live' }), 'ResourceNotFoundException', 404);
  },

  async 'tags'(world) {
    const { arn, harnessId } = await world.harness({ tags: { team: 'lab', stage: 'test' } });
    const tags = async (resourceArn) => (await world.manage('ListTagsForResource', { resourceArn })).tags;
    assert.deepEqual(await tags(arn), { team: 'lab', stage: 'test' });
    await world.manage('TagResource', { resourceArn: arn, tags: { stage: 'live', 'odd key/=+@': 'a b' } });
    await world.manage('UntagResource', { resourceArn: arn, tagKeys: ['team', 'never there', 'odd key/=+@'] });
    assert.deepEqual(await tags(arn), { stage: 'live' });
    const { endpoint } = await world.manage('CreateHarnessEndpoint', { harnessId, endpointName: 'live', tags: { a: '1' } });
    assert.deepEqual(await tags(endpoint.arn), { a: '1' });
    await refused(world.manage('TagResource', { resourceArn: arn, tags: { 'aws:mine': 'x' } }), 'ValidationException', 400);
    const fifty = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, 'v']));
    await refused(world.manage('TagResource', { resourceArn: arn, tags: fifty }), 'ServiceQuotaExceededException', 402);
    await refused(tags(`${arn.slice(0, -10)}aaaaaaaaaa`), 'ResourceNotFoundException', 404);
  },

  async 'resource-policy'(world) {
    const { arn: resourceArn } = await world.harness();
    const policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::210987654321:root' }, Action: 'bedrock-agentcore:InvokeHarness', Resource: '*' }],
    });
    await refused(world.manage('GetResourcePolicy', { resourceArn }), 'ResourceNotFoundException', 404);
    const put = await world.manage('PutResourcePolicy', { resourceArn, policy });
    assert.deepEqual([put.policy, put.$metadata.httpStatusCode], [policy, 201]);
    assert.equal((await world.manage('GetResourcePolicy', { resourceArn })).policy, policy);
    await refused(world.manage('PutResourcePolicy', { resourceArn, policy: 'not json' }), 'ValidationException', 400);
    await world.manage('DeleteResourcePolicy', { resourceArn });
    await refused(world.manage('GetResourcePolicy', { resourceArn }), 'ResourceNotFoundException', 404);
  },

  async 'delete-then-404'(world) {
    const harness = await world.harness();
    const { harnessId } = harness;
    const { harness: deleting } = await world.manage('DeleteHarness', { harnessId });
    assert.equal(deleting.status, 'DELETING');
    await until('the harness is gone', () => gone(world.manage('GetHarness', { harnessId })));
    await refused(world.manage('DeleteHarness', { harnessId }), 'ResourceNotFoundException', 404);
    await refused(world.manage('UpdateHarness', { harnessId, maxIterations: 1 }), 'ResourceNotFoundException', 404);
    await refused(world.invoke(harness, newSessionId(), 'Hello'), 'ResourceNotFoundException', 404);
    await refused(world.manage('ListTagsForResource', { resourceArn: harness.arn }), 'ResourceNotFoundException', 404);
  },

  async 'validation-errors-all-fields'(world) {
    const error = await refused(
      world.manage('CreateHarness', {
        harnessName: '1bad name',
        executionRoleArn: 'nonsense',
        maxIterations: 0,
        allowedTools: ['shell', 'a/b/c'],
        tools: [{ type: 'inline_function', name: 'not a name' }],
        truncation: { strategy: 'sliding_window', config: { slidingWindow: { messagesCount: 0 } } },
      }),
      'ValidationException',
      400,
    );
    assert.equal(error.reason, 'FieldValidationFailed');
    const names = error.fieldList.map((field) => field.name);
    for (const name of ['harnessName', 'executionRoleArn', 'maxIterations', 'allowedTools[1]', 'tools[0].name', 'tools[0].config', 'truncation']) {
      assert.ok(names.some((reported) => reported.startsWith(name)), `${name} is missing from ${names}`);
    }
    assert.ok(error.fieldList.every((field) => field.message));
    assert.ok(error.message.startsWith(`${error.fieldList.length} validation error`), error.message);
  },

  async 'name-conflict'(world) {
    const { harnessName } = await world.harness();
    await refused(world.create({ harnessName }), 'ConflictException', 409);
  },

  async 'idempotent-client-token'(world) {
    const input = { harnessName: world.uniqueName(), clientToken: newSessionId() };
    const first = await world.create(input);
    const second = await world.create(input);
    assert.equal(second.harness.harnessId, first.harness.harnessId);
    const { harnessId } = await world.ready(first.harness.harnessId);
    const update = { harnessId, maxIterations: 3, clientToken: newSessionId() };
    await world.manage('UpdateHarness', update);
    await world.manage('UpdateHarness', update);
    assert.equal((await world.ready(harnessId)).harnessVersion, '2', 'a repeated update makes one version');
  },

  async 'idempotency-mismatch'(world) {
    const input = { harnessName: world.uniqueName(), clientToken: newSessionId() };
    await world.create(input);
    const error = await refused(world.create({ ...input, maxIterations: 3 }), 'ValidationException', 400);
    assert.equal(error.reason, 'IdempotentParameterMismatchException');
  },

  async 'wrong-secret-403'(world) {
    const { accessKeyId } = await world.control.config.credentials();
    const stranger = new World({ accessKeyId, secretAccessKey: 'a'.repeat(40) });
    const error = await refused(stranger.manage('ListHarnesses', {}), 'AccessDeniedException', 403);
    assert.match(error.message, /signature/i);
    const { arn } = await world.harness();
    await refused(stranger.invoke({ arn }, newSessionId(), 'Hello'), 'AccessDeniedException', 403);
    await stranger.dispose();
  },

  async 'unknown-key-403'() {
    const stranger = new World({ accessKeyId: 'BELAYNOSUCHKEY000000', secretAccessKey: 'a'.repeat(40) });
    const error = await refused(stranger.manage('ListHarnesses', {}), 'AccessDeniedException', 403);
    assert.match(error.message, /security token/i);
    await stranger.dispose();
  },

  async 'hooks-refused'(world) {
    const hook = { beforeToolCall: { name: 'guard', target: { lambda: { arn: 'arn:aws:lambda:us-west-2:123456789012:function:guard' } } } };
    const error = await refused(world.create({ hooks: [hook] }), 'ValidationException', 400);
    assert.match(JSON.stringify(error.fieldList), /hooks/);
    const harness = await world.harness({ hooks: [] });
    await refused(world.manage('UpdateHarness', { harnessId: harness.harnessId, hooks: [hook] }), 'ValidationException', 400);
  },

  async 'unbuilt-operation-named'(world) {
    try {
      await world.manage('ListMemories', {});
    } catch (error) {
      assert.match(error.name, /Exception$/);
      assert.match(error.message, /ListMemories/);
      return;
    }
    assert.fail('ListMemories answered');
  },

  async 'apiBase-stored-not-logged'(world) {
    const secret = `canary-${newSessionId()}`;
    const model = {
      openAiModelConfig: {
        modelId: 'a-model',
        apiKeyArn: 'arn:aws:bedrock-agentcore:us-west-2:123456789012:token-vault/default/apikeycredentialprovider/openai',
        apiBase: `http://127.0.0.1:9/${secret}/v1`,
      },
    };
    const harness = await world.harness({ model });
    assert.equal(harness.model.openAiModelConfig.apiBase, model.openAiModelConfig.apiBase);
    await assert.rejects(world.invoke(harness, newSessionId(), 'Hello'));
    if (process.env.BELAY_SERVER_LOG) {
      assert.ok(!(await readFile(process.env.BELAY_SERVER_LOG, 'utf8')).includes(secret), 'the log names the apiBase');
    }
  },

  async 'text-turn-event-grammar'(world) {
    const harness = await world.harness();
    const turn = await world.invoke(harness, newSessionId(), script('A short answer.'));
    assert.deepEqual(turn.events[0], { messageStart: { role: 'assistant' } });
    assert.ok(turn.events[1].contentBlockDelta, 'a text block opens with its first delta');
    assert.deepEqual(turn.messages, [{ role: 'assistant', content: [{ text: 'A short answer.' }] }]);
    assert.deepEqual(turn.stops, ['end_turn']);
    assert.ok(turn.metadata.usage.inputTokens > 0 && turn.metadata.usage.outputTokens > 0);
    assert.ok(turn.requestId);
  },

  async 'tool-turn-shell'(world) {
    const harness = await world.harness({ environmentVariables: { GREETING: 'hello' } });
    const command = 'printf "$GREETING"; printf oops >&2; exit 3';
    const turn = await world.invoke(harness, newSessionId(), script({ calls: [['shell', { command }]] }, 'It ran.'));
    assert.deepEqual(turn.stops, ['tool_use', 'tool_result', 'end_turn']);
    assert.deepEqual(turn.toolUses.map(({ name, type, input }) => [name, type, input]), [['shell', 'tool_use', { command }]]);
    const [result] = turn.toolResults;
    assert.equal(result.toolUseId, turn.toolUses[0].toolUseId);
    assert.equal(result.status, 'success');
    assert.deepEqual(result.content, [{ json: { stdout: 'hello', stderr: 'oops', exit_code: 3 } }]);
    assert.equal(turn.text, 'It ran.');
  },

  async 'file-operations-turn'(world) {
    const harness = await world.harness();
    const path = '/workspace/notes/list.txt';
    const turn = await world.invoke(harness, newSessionId(), script(
      { calls: [['file_operations', { command: 'create', path, file_text: 'one\nthree\n' }]] },
      { calls: [['file_operations', { command: 'insert', path, insert_line: 1, new_str: 'two' }]] },
      { calls: [['file_operations', { command: 'str_replace', path, old_str: 'three', new_str: 'drei' }]] },
      { calls: [['file_operations', { command: 'view', path, view_range: [2, -1] }]] },
      { calls: [['file_operations', { command: 'str_replace', path, old_str: 'absent', new_str: 'x' }]] },
      'Filed.',
    ));
    assert.equal(turn.text, 'Filed.');
    const texts = turn.toolResults.map((result) => result.content.map((item) => item.text).join(''));
    assert.deepEqual(turn.toolResults.map((result) => result.status), ['success', 'success', 'success', 'success', 'error']);
    assert.equal(texts[0], `Successfully created file '${path}'`);
    assert.equal(texts[1], `Successfully inserted text in '${path}' at line 2`);
    assert.equal(texts[2], `Successfully replaced text in '${path}'`);
    assert.equal(texts[3].trimEnd(), '2: two\n3: drei');
    assert.match(texts[4], /^Error:/);
  },

  async 'two-tools-one-fails'(world) {
    const harness = await world.harness();
    const turn = await world.invoke(harness, newSessionId(), script(
      { calls: [['file_operations', { command: 'view', path: '/workspace/missing' }], ['shell', { command: 'echo fine' }]] },
      'One of two.',
    ));
    assert.deepEqual(turn.stops, ['tool_use', 'tool_result', 'end_turn']);
    assert.deepEqual(turn.toolResults.map((result) => result.status), ['error', 'success']);
    assert.deepEqual(turn.toolResults.map((result) => result.toolUseId), turn.toolUses.map((use) => use.toolUseId), 'results come in call order');
    assert.equal(turn.toolResults[1].content[0].json.stdout, 'fine\n');
    assert.equal(turn.text, 'One of two.');
  },

  async 'inline-function-pause-resume-both'(world) {
    const harness = await world.harness({ tools: [Approve] });
    const sessionId = newSessionId();
    const paused = await world.invoke(harness, sessionId, script({ say: 'May I?', calls: [['approve', { amount: 120 }]] }, 'Thank you.'));
    assert.deepEqual(paused.stops, ['tool_use']);
    const [use] = paused.toolUses;
    assert.deepEqual([use.name, use.type, use.input], ['approve', 'tool_use', { amount: 120 }]);
    const resumed = await world.invoke(harness, sessionId, [
      { role: 'assistant', content: [{ toolUse: { toolUseId: use.toolUseId, name: use.name, input: use.input } }] },
      answerOf(use, { approved: true }),
    ]);
    assert.deepEqual(resumed.stops, ['end_turn']);
    assert.equal(resumed.text, 'Thank you.');
  },

  async 'inline-function-resume-results-only'(world) {
    const harness = await world.harness();
    const sessionId = newSessionId();
    const paused = await world.invoke(harness, sessionId, script({ calls: [['approve', { amount: 1 }]] }, 'Done.'), { tools: [Approve] });
    await refused(
      world.invoke(harness, sessionId, [answerOf({ toolUseId: 'tooluse_never_offered' }, {})]),
      'ValidationException',
      400,
    );
    const resumed = await world.invoke(harness, sessionId, [answerOf(paused.toolUses[0], { approved: false })]);
    assert.deepEqual([resumed.stops, resumed.text], [['end_turn'], 'Done.']);
  },

  async 'inline-between-server-tools'(world) {
    const harness = await world.harness({ tools: [Approve] });
    const sessionId = newSessionId();
    const paused = await world.invoke(harness, sessionId, script(
      { calls: [['shell', { command: 'echo A' }], ['approve', { amount: 2 }], ['shell', { command: 'echo C' }]] },
      'All three.',
    ));
    assert.deepEqual(paused.stops, ['tool_use', 'tool_result', 'tool_use']);
    assert.deepEqual(paused.toolResults.map((result) => result.toolUseId), [paused.toolUses[0].toolUseId], 'only A ran');
    const resumed = await world.invoke(harness, sessionId, [answerOf(paused.toolUses[1], { approved: true })]);
    assert.deepEqual(resumed.stops, ['tool_result', 'end_turn']);
    assert.deepEqual(resumed.toolResults.map((result) => result.toolUseId), [paused.toolUses[2].toolUseId]);
    assert.equal(resumed.toolResults[0].content[0].json.stdout, 'C\n');
    assert.equal(resumed.text, 'All three.');
  },

  async 'inline-not-answered'(world) {
    const harness = await world.harness({ tools: [Approve] });
    const sessionId = newSessionId();
    const paused = await world.invoke(harness, sessionId, script({ calls: [['approve', { amount: 3 }]] }, 'Never said.'));
    const next = await world.invoke(harness, sessionId, script('Something else.'));
    assert.deepEqual([next.stops, next.text], [['end_turn'], 'Something else.']);
    await refused(world.invoke(harness, sessionId, [answerOf(paused.toolUses[0], {})]), 'ValidationException', 400);
  },

  async 'max-iterations'(world) {
    const harness = await world.harness();
    const sessionId = newSessionId();
    const turn = await world.invoke(harness, sessionId, script({ calls: [['shell', { command: 'true' }]] }, 'Too late.'), { maxIterations: 1 });
    assert.deepEqual(turn.stops, ['tool_use', 'tool_result', 'max_iterations_exceeded']);
    const next = await world.invoke(harness, sessionId, script('Still here.'));
    assert.equal(next.text, 'Still here.');
  },

  async 'max-output-tokens'(world) {
    const harness = await world.harness({ maxTokens: 1 });
    const turn = await world.invoke(harness, newSessionId(), script({ calls: [['shell', { command: 'true' }]] }, 'Too late.'));
    assert.deepEqual(turn.stops, ['tool_use', 'tool_result', 'max_output_tokens_exceeded']);
    assert.ok(turn.metadata.usage.outputTokens >= 1, 'the last call may overshoot');
  },

  async 'timeout-kills-shell'(world) {
    const harness = await world.harness();
    const sessionId = newSessionId();
    const turn = await world.invoke(harness, sessionId, script({ calls: [['shell', { command: 'sleep 3611' }]] }, 'Too late.'), { timeoutSeconds: 2 });
    assert.equal(turn.stops.at(-1), 'timeout_exceeded');
    assert.ok(turn.metadata.metrics.latencyMs < 30_000, `${turn.metadata.metrics.latencyMs} ms`);
    const left = await world.command(harness, sessionId, countProcesses('sleep 3611'));
    assert.equal(left.stdout.trim(), '0', 'the process is gone');
    const next = await world.invoke(harness, sessionId, script('Usable.'));
    assert.equal(next.text, 'Usable.');
  },

  async 'overrides-not-stored'(world) {
    const harness = await world.harness({ tools: [Approve], systemPrompt: [{ text: 'Stored.' }] });
    const turn = await world.invoke(harness, newSessionId(), script('Overridden.'), {
      model: ScriptedModel,
      systemPrompt: [{ text: 'For one call.' }],
      tools: [],
      allowedTools: ['shell'],
      maxIterations: 2,
      maxTokens: 1000,
      timeoutSeconds: 60,
    });
    assert.equal(turn.text, 'Overridden.');
    const { harness: after } = await world.manage('GetHarness', { harnessId: harness.harnessId });
    assert.deepEqual(after, harness);
    const error = await refused(
      world.invoke(harness, newSessionId(), 'Hello', { maxIterations: 0, timeoutSeconds: 0, allowedTools: ['a/b/c'] }),
      'ValidationException',
      400,
    );
    assert.equal(error.fieldList.length, 3, JSON.stringify(error.fieldList));
  },

  async 'allowed-tools-none'(world) {
    const harness = await world.harness({ allowedTools: ['none'] });
    const turn = await world.invoke(harness, newSessionId(), script({ calls: [['shell', { command: 'echo ran' }]] }, 'Refused.'));
    assert.deepEqual(turn.stops, ['tool_use', 'tool_result', 'end_turn']);
    assert.equal(turn.toolResults[0].status, 'error');
    assert.deepEqual(turn.toolResults[0].content, [{ text: 'Unknown tool: shell' }]);
  },

  async 'busy-session-424'(world) {
    const harness = await world.harness();
    const sessionId = newSessionId();
    const running = await world.start(harness, sessionId, script({ calls: [['shell', { command: WaitForGo }]] }, 'First.'));
    await running.readUntil('messageStop');
    const error = await refused(world.invoke(harness, sessionId, script('Second.')), 'RuntimeClientError', 424);
    assert.match(error.message, /already processing/);
    await world.command(harness, sessionId, 'touch /workspace/go');
    await running.finish();
    assert.equal(running.text, 'First.');
    const next = await world.invoke(harness, sessionId, script('Second.'));
    assert.equal(next.text, 'Second.');
  },

  async 'history-across-calls'(world) {
    const harness = await world.harness();
    const sessionId = newSessionId();
    const first = await world.invoke(harness, sessionId, script(`A first answer. ${'word '.repeat(200)}`));
    const second = await world.invoke(harness, sessionId, script('Short.'));
    const alone = await world.invoke(harness, newSessionId(), script('Short.'));
    assert.ok(
      second.metadata.usage.inputTokens >= alone.metadata.usage.inputTokens + first.metadata.usage.outputTokens / 2,
      `the model read the history: ${second.metadata.usage.inputTokens} against ${alone.metadata.usage.inputTokens}`,
    );
  },

  async 'other-actor-refused'(world) {
    const harness = await world.harness();
    const sessionId = newSessionId();
    await world.invoke(harness, sessionId, script('Mine.'), { actorId: 'ann' });
    const error = await refused(world.invoke(harness, sessionId, script('Yours?'), { actorId: 'bob' }), 'ValidationException', 400);
    assert.equal(error.reason, 'ResourceConflict');
    const again = await world.invoke(harness, sessionId, script('Mine again.'));
    assert.equal(again.text, 'Mine again.');
  },

  async 'session-id-lengths'(world) {
    const harness = await world.harness();
    const id = (length) => newSessionId().padEnd(length, 'x').slice(0, length);
    for (const wrong of [id(32), id(101), `${id(35)}.`, `-${id(35)}`]) {
      await refused(world.invoke(harness, wrong, script('No.')), 'ValidationException', 400);
    }
    for (const length of [33, 100]) {
      assert.equal((await world.invoke(harness, id(length), script('Yes.'))).text, 'Yes.');
    }
    await refused(world.command(harness, id(101), 'true'), 'ValidationException', 400);
  },

  async 'foreign-credential-provider-refused'(world) {
    const harness = await world.harness();
    const model = {
      geminiModelConfig: {
        modelId: 'gemini-x',
        apiKeyArn: 'arn:aws:bedrock-agentcore:us-west-2:123456789012:token-vault/default/apikeycredentialprovider/gemini',
      },
    };
    try {
      await world.invoke(harness, newSessionId(), 'Hello', { model });
    } catch (error) {
      assert.ok(['ValidationException', 'RuntimeClientError'].includes(error.name), error.name);
      assert.match(error.message, /gemini/i);
      return;
    }
    assert.fail("a model whose key is another account's answered");
  },

  async 'credential-provider-and-its-key'(world) {
    const name = `e2e_${newSessionId().replaceAll('-', '').slice(0, 20)}`;
    const key = `sk-${newSessionId()}`;
    const made = await world.manage('CreateApiKeyCredentialProvider', { name, apiKey: key, tags: { team: 'a' } });
    try {
      assert.ok(made.credentialProviderArn.endsWith(`:token-vault/default/apikeycredentialprovider/${name}`), made.credentialProviderArn);
      const got = await world.manage('GetApiKeyCredentialProvider', { name });
      assert.deepEqual([got.name, got.apiKeySecretSource], [name, 'MANAGED']);
      assert.ok(got.createdTime instanceof Date && Math.abs(Date.now() - got.createdTime) < 600_000, `${got.createdTime}`);
      assert.ok(!JSON.stringify([made, got]).includes(key), 'no answer has the key');
      await world.manage('CreateWorkloadIdentity', { name });
      const { workloadAccessToken: token } = await world.ask('GetWorkloadAccessToken', { workloadName: name });
      const ask = (given) => world.ask('GetResourceApiKey', { workloadIdentityToken: given, resourceCredentialProviderName: name });
      assert.equal((await ask(token)).apiKey, key);
      await world.manage('UpdateApiKeyCredentialProvider', { name, apiKey: `${key}2` });
      assert.equal((await ask(token)).apiKey, `${key}2`);
      await refused(ask(`${token}A`), 'UnauthorizedException', 401);
      await world.manage('DeleteWorkloadIdentity', { name });
    } finally {
      await world.manage('DeleteApiKeyCredentialProvider', { name });
    }
    await refused(world.manage('GetApiKeyCredentialProvider', { name }), 'ResourceNotFoundException', 404);
  },

  async 'command-stream'(world) {
    const harness = await world.harness({ environmentVariables: { GREETING: 'hello' } });
    const sessionId = newSessionId();
    const run = await world.command(harness, sessionId, 'echo "$GREETING"; echo sorry >&2; id -u; pwd; exit 7');
    assert.equal(run.sessionId, sessionId);
    assert.deepEqual([run.stdout, run.stderr, run.exitCode, run.status], ['hello\n0\n/workspace\n', 'sorry\n', 7, 'COMPLETED']);
    const killed = await world.command(harness, sessionId, 'kill -9 $$');
    assert.deepEqual([killed.exitCode, killed.status], [137, 'COMPLETED']);
    const long = await world.command(harness, sessionId, `: ${'x'.repeat(65_000)}; echo long`);
    assert.equal(long.stdout, 'long\n');
    const turn = await world.invoke(harness, sessionId, script({ calls: [['shell', { command: 'touch /workspace/by-agent; pwd' }]] }, 'Ok.'));
    assert.equal(turn.toolResults[0].content[0].json.stdout, '/workspace\n');
    assert.equal((await world.command(harness, sessionId, 'ls /workspace')).stdout, 'by-agent\n', 'one sandbox serves both');
    await refused(world.command(harness, sessionId, 'x'.repeat(65_537)), 'ValidationException', 400);
  },

  async 'command-timeout'(world) {
    const harness = await world.harness();
    const sessionId = newSessionId();
    const run = await world.command(harness, sessionId, 'echo started; sleep 3612', 1);
    assert.deepEqual([run.stdout, run.exitCode, run.status], ['started\n', 124, 'TIMED_OUT']);
    assert.equal((await world.command(harness, sessionId, countProcesses('sleep 3612'))).stdout.trim(), '0');
    await refused(world.command(harness, sessionId, 'true', 3601), 'ValidationException', 400);
  },

  async 'command-new-session'(world) {
    const harness = await world.harness();
    const first = await world.command(harness, undefined, 'echo kept > /workspace/file');
    assert.match(first.sessionId, /^[a-zA-Z0-9][a-zA-Z0-9_-]{32,99}$/);
    assert.equal((await world.command(harness, first.sessionId, 'cat /workspace/file')).stdout, 'kept\n');
    const other = await world.command(harness, undefined, 'ls /workspace');
    assert.notEqual(other.sessionId, first.sessionId);
    assert.equal(other.stdout, '');
  },

  async 'command-runtime-arn-refused'(world) {
    const harness = await world.harness();
    const arn = harness.environment.agentCoreRuntimeEnvironment.agentRuntimeArn;
    const error = await refused(world.command({ arn }, newSessionId(), 'true'), 'ValidationException', 400);
    assert.match(error.message, /harness/i);
  },

  async 'stop-session-interrupts'(world) {
    const harness = await world.harness();
    const sessionId = newSessionId();
    const running = await world.start(harness, sessionId, script({ calls: [['shell', { command: WaitForGo }]] }, 'Never said.'));
    await running.readUntil('messageStop');
    await until('the command runs', async () => (await world.command(harness, sessionId, 'ls /workspace')).stdout.includes('running'));
    const stopped = await world.stop(harness, sessionId);
    assert.equal(stopped.runtimeSessionId, sessionId);
    await running.finish();
    assert.equal(running.stops.at(-1), 'interrupted');
    const next = await world.invoke(harness, sessionId, script('After the stop.'));
    assert.equal(next.text, 'After the stop.');
  },

  async 'stop-unknown-404'(world) {
    const harness = await world.harness();
    await refused(world.stop(harness, newSessionId()), 'ResourceNotFoundException', 404);
    const sessionId = newSessionId();
    await world.command(harness, sessionId, 'true');
    await world.stop(harness, sessionId);
    await until('the session is terminated', () => gone(world.stop(harness, sessionId)));
  },

  async 'session-storage-survives-stop'(world) {
    const harness = await world.harness({
      environment: { agentCoreRuntimeEnvironment: { filesystemConfigurations: [{ sessionStorage: { mountPath: '/mnt/data' } }] } },
    });
    const sessionId = newSessionId();
    const write = await world.command(harness, sessionId, 'echo a > /mnt/data/a && echo b > /workspace/b && echo c > /tmp/c');
    assert.equal(write.exitCode, 0, write.stderr);
    await world.stop(harness, sessionId);
    const read = await world.command(harness, sessionId, 'cat /mnt/data/a /workspace/b; ls /tmp');
    assert.equal(read.stdout, 'a\nb\n', 'storage and workspace survive, the rest does not');
  },

  async 'two-sessions-isolated'(world) {
    const harness = await world.harness();
    const [one, two] = [newSessionId(), newSessionId()];
    const running = world.command(harness, one, `echo private > /workspace/mine; echo private > /tmp/mine; ${WaitForGo}`);
    running.catch(() => {}); // Awaited at the end; a scenario that fails before must not end the whole run.
    await until('the first session runs', async () => (await world.command(harness, one, 'ls /workspace')).stdout.includes('running'));
    await until('its own processes are seen', async () => (await world.command(harness, one, countProcesses('sleep 0.05'))).stdout.trim() !== '0');
    const files = await world.command(harness, two, 'ls -A /workspace; grep -rls private /workspace /tmp /mnt /home /root /var; true');
    assert.equal(files.stdout, '', "nothing of the other session's files is seen");
    const processes = await world.command(harness, two, countProcesses('sleep 0.05'));
    assert.equal(processes.stdout.trim(), '0', "nothing of the other session's processes is seen");
    await world.command(harness, one, 'touch /workspace/go');
    assert.equal((await running).exitCode, 0);
  },
};

function answerOf(use, json) {
  return { role: 'user', content: [{ toolResult: { toolUseId: use.toolUseId, status: 'success', content: [{ json }] } }] };
}

async function gone(promise) {
  try {
    await promise;
    return false;
  } catch (error) {
    if (error.name === 'ResourceNotFoundException') {
      return true;
    }
    if (error.name === 'RetryableConflictException') {
      return false;
    }
    throw error;
  }
}

async function withinLimit(scenario) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${ScenarioLimitMs} ms`)), ScenarioLimitMs);
  });
  try {
    await Promise.race([scenario, limit]);
  } finally {
    clearTimeout(timer);
  }
}

async function run(name) {
  const world = new World();
  try {
    await withinLimit(scenarios[name](world));
    await world.dispose();
    return { name, ok: true, detail: '' };
  } catch (error) {
    return { name, ok: false, detail: `${error.stack ?? error}${error.$metadata ? `\n${JSON.stringify(error.$metadata)}` : ''}` };
  }
}

const chosen = process.argv.slice(2);
if (chosen[0] === '--list') {
  console.log(Object.keys(scenarios).join('\n'));
} else {
  const waiting = chosen.length > 0 ? chosen : Object.keys(scenarios);
  let failed = false;
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const result = await run(name);
      failed ||= !result.ok;
      console.log(JSON.stringify(result));
    }
  };
  await Promise.all([worker(), worker(), worker()]);
  process.exitCode = failed ? 1 : 0;
}
