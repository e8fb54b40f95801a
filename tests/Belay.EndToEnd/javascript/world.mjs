// What the scenarios share: clients made the way a user makes them (everything from the environment that `belay env`
// prints), harnesses that are removed again, and one reader of the invocation stream that checks every rule of its grammar.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import * as data from '@aws-sdk/client-bedrock-agentcore';
import * as control from '@aws-sdk/client-bedrock-agentcore-control';

export const RoleArn = 'arn:aws:iam::123456789012:role/EndToEndRole';
export const ScriptedModel = { liteLlmModelConfig: { modelId: 'belay/scripted' } };

// The one generous limit on anything that is waited for.
const DeadlineMs = 60_000;

export function newSessionId() {
  return randomUUID();
}

/** Polls a condition; fails by name when it does not come true. */
export async function until(what, condition) {
  const deadline = Date.now() + DeadlineMs;
  for (;;) {
    const value = await condition();
    if (value) {
      return value;
    }
    assert.ok(Date.now() < deadline, `waited ${DeadlineMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Awaits a refusal and checks its code and status. Answers the error for further checks. */
export async function refused(promise, name, status) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    assert.equal(error.name, name, `refused with ${error.name}: ${error.message}`);
    if (status !== undefined) {
      assert.equal(error.$metadata?.httpStatusCode, status);
    }
    assert.ok(error.message, 'an error has a message');
    return error;
  }
  assert.fail(`expected ${name}, got ${JSON.stringify(answer?.$metadata ?? answer)}`);
}

export class World {
  #harnesses = [];

  constructor(credentials) {
    const settings = { maxAttempts: 2, ...(credentials ? { credentials } : {}) };
    this.control = new control.BedrockAgentCoreControlClient(settings);
    this.data = new data.BedrockAgentCoreClient(settings);
  }

  /** Sends a control-plane operation by its name. */
  manage(operation, input) {
    return this.control.send(new control[`${operation}Command`](input));
  }

  /** Sends a data-plane operation by its name. */
  ask(operation, input) {
    return this.data.send(new data[`${operation}Command`](input));
  }

  uniqueName() {
    return `e2e_${randomUUID().replaceAll('-', '').slice(0, 20)}`;
  }

  /** Creates a harness without waiting for it. */
  async create(input = {}) {
    const answer = await this.manage('CreateHarness', {
      harnessName: this.uniqueName(),
      executionRoleArn: RoleArn,
      model: ScriptedModel,
      ...input,
    });
    this.#harnesses.push(answer.harness.harnessId);
    return answer;
  }

  /** Creates a harness and waits until it is ready. */
  async harness(input = {}) {
    const { harness } = await this.create(input);
    return this.ready(harness.harnessId);
  }

  ready(harnessId, version) {
    return until(`harness ${harnessId} is READY`, async () => {
      const { harness } = await this.manage('GetHarness', { harnessId });
      assert.ok(!/FAILED/.test(harness.status), `${harness.status}: ${harness.failureReason}`);
      return harness.status === 'READY' && (version === undefined || harness.harnessVersion === version) && harness;
    });
  }

  endpointReady(harnessId, endpointName, liveVersion) {
    return until(`endpoint ${endpointName} is READY on ${liveVersion}`, async () => {
      const { endpoint } = await this.manage('GetHarnessEndpoint', { harnessId, endpointName });
      return endpoint.status === 'READY' && endpoint.liveVersion === liveVersion && endpoint;
    });
  }

  /** Invokes and reads the stream to its end. `messages` may be the text of one user message. */
  async invoke(harness, runtimeSessionId, messages, input = {}) {
    const turn = await this.start(harness, runtimeSessionId, messages, input);
    await turn.finish();
    return turn;
  }

  /** Invokes; the caller reads the stream. */
  async start(harness, runtimeSessionId, messages, input = {}) {
    const answer = await this.data.send(new data.InvokeHarnessCommand({
      harnessArn: harness.arn,
      runtimeSessionId,
      messages: typeof messages === 'string' ? [{ role: 'user', content: [{ text: messages }] }] : messages,
      ...input,
    }));
    return new Turn(answer);
  }

  /** Runs a command in a session's sandbox and reads its stream to the end. */
  async command(harness, runtimeSessionId, command, timeout) {
    const answer = await this.data.send(new data.InvokeAgentRuntimeCommandCommand({
      agentRuntimeArn: harness.arn,
      ...(runtimeSessionId ? { runtimeSessionId } : {}),
      body: { command, ...(timeout ? { timeout } : {}) },
    }));
    const run = { chunks: [], stdout: '', stderr: '', exitCode: undefined, status: undefined, sessionId: answer.runtimeSessionId };
    for await (const event of answer.stream) {
      assert.deepEqual(Object.keys(event), ['chunk']);
      const kinds = Object.keys(event.chunk);
      assert.equal(kinds.length, 1, 'a chunk has one member');
      run.chunks.push(kinds[0]);
      run.stdout += event.chunk.contentDelta?.stdout ?? '';
      run.stderr += event.chunk.contentDelta?.stderr ?? '';
      run.exitCode = event.chunk.contentStop?.exitCode;
      run.status = event.chunk.contentStop?.status;
    }
    assert.equal(run.chunks[0], 'contentStart');
    assert.equal(run.chunks.at(-1), 'contentStop');
    assert.ok(run.chunks.slice(1, -1).every((kind) => kind === 'contentDelta'), run.chunks.join(' '));
    return run;
  }

  stop(harness, runtimeSessionId) {
    return this.data.send(new data.StopRuntimeSessionCommand({ agentRuntimeArn: harness.arn, runtimeSessionId }));
  }

  /** Removes what the scenario made; its sessions end with the harnesses. */
  async dispose() {
    for (const harnessId of this.#harnesses) {
      try {
        await this.manage('DeleteHarness', { harnessId });
      } catch (error) {
        if (!['ResourceNotFoundException', 'ConflictException'].includes(error.name)) {
          throw error;
        }
      }
    }
    this.control.destroy();
    this.data.destroy();
  }
}

/** One invocation as its stream tells it. Reading checks the grammar event by event. */
class Turn {
  #iterator;
  #open = null;      // the message that is open
  #block = null;     // the block that is open in it
  #bareStop = false;

  constructor(answer) {
    this.requestId = answer.$metadata.requestId;
    this.events = [];
    this.messages = [];
    this.stops = [];
    this.metadata = undefined;
    this.#iterator = answer.stream[Symbol.asyncIterator]();
  }

  get text() {
    return this.#blocks('assistant').filter((block) => block.text !== undefined).map((block) => block.text).join('');
  }

  get toolUses() {
    return this.#blocks('assistant').filter((block) => block.toolUse).map((block) => block.toolUse);
  }

  get toolResults() {
    return this.#blocks('user').map((block) => block.toolResult);
  }

  #blocks(role) {
    return this.messages.filter((message) => message.role === role).flatMap((message) => message.content);
  }

  /** Reads until an event of a kind that satisfies the condition came. */
  async readUntil(kind, condition = () => true) {
    for (;;) {
      const event = await this.#next();
      assert.ok(event, `the stream ended before ${kind}; stops: ${this.stops}`);
      if (event[kind] && condition(event[kind])) {
        return event[kind];
      }
    }
  }

  async finish() {
    while (await this.#next()) {
      // #next checks and folds.
    }
    assert.ok(this.metadata, `the last event is metadata; stops: ${this.stops}`);
  }

  async #next() {
    const { value, done } = await this.#iterator.next();
    if (done) {
      return undefined;
    }
    this.events.push(value);
    const kinds = Object.keys(value);
    assert.equal(kinds.length, 1);
    assert.equal(this.metadata, undefined, `nothing follows metadata, but ${kinds[0]} did`);
    const payload = value[kinds[0]];
    switch (kinds[0]) {
      case 'messageStart':
        assert.equal(this.#open, null, 'messages do not nest');
        assert.equal(this.#bareStop, false, 'no message follows a bare messageStop');
        assert.ok(['assistant', 'user'].includes(payload.role));
        this.#open = { role: payload.role, content: [] };
        break;
      case 'contentBlockStart':
        assert.ok(this.#open && !this.#block, 'a block starts inside a message, outside a block');
        assert.equal(payload.contentBlockIndex, this.#open.content.length, 'indices grow by one from 0');
        this.#block = { index: payload.contentBlockIndex, ...structuredClone(payload.start), input: '' };
        if (this.#block.toolResult) {
          this.#block.toolResult.content = [];
        }
        break;
      case 'contentBlockDelta':
        this.#delta(payload);
        break;
      case 'contentBlockStop':
        assert.ok(this.#block, 'a block is open');
        assert.equal(payload.contentBlockIndex, this.#block.index);
        this.#closeBlock();
        break;
      case 'messageStop':
        assert.equal(this.#block, null, 'no block is open at messageStop');
        if (this.#open) {
          assert.equal(this.#open.role === 'user', payload.stopReason === 'tool_result', `${this.#open.role} ends with ${payload.stopReason}`);
          this.messages.push(this.#open);
        } else {
          assert.equal(this.#bareStop, false, 'at most one bare messageStop');
          this.#bareStop = true;
        }
        this.#open = null;
        this.stops.push(payload.stopReason);
        break;
      case 'metadata':
        assert.equal(this.#open, null, 'metadata follows the last messageStop');
        assert.equal(payload.usage.totalTokens, payload.usage.inputTokens + payload.usage.outputTokens);
        assert.ok(payload.metrics.latencyMs >= 0);
        this.metadata = payload;
        break;
      default:
        assert.fail(`unknown event ${kinds[0]}`);
    }
    return value;
  }

  #delta({ contentBlockIndex, delta }) {
    assert.ok(this.#open, 'a delta stands inside a message');
    if (!this.#block) {
      assert.equal(contentBlockIndex, this.#open.content.length, 'indices grow by one from 0');
      assert.ok(delta.text !== undefined || delta.reasoningContent, 'only text and reasoning open with a delta');
      this.#block = delta.text !== undefined ? { index: contentBlockIndex, text: '' } : { index: contentBlockIndex, reasoning: '' };
    }
    assert.equal(contentBlockIndex, this.#block.index);
    if (delta.text !== undefined) {
      assert.ok(delta.text.length > 0, 'deltas are never empty');
      this.#block.text += delta.text;
    } else if (delta.toolUse) {
      assert.ok(delta.toolUse.input.length > 0, 'deltas are never empty');
      this.#block.input += delta.toolUse.input;
    } else if (delta.toolResult) {
      this.#block.toolResult.content.push(...delta.toolResult);
    } else if (delta.reasoningContent) {
      this.#block.reasoning += delta.reasoningContent.text ?? '';
    } else {
      assert.ok(delta.toolResultMetadata?.metadata, `unknown delta ${Object.keys(delta)}`);
    }
  }

  #closeBlock() {
    const block = this.#block;
    this.#block = null;
    if (block.toolUse) {
      assert.equal(this.#open.role, 'assistant');
      this.#open.content.push({ toolUse: { ...block.toolUse, input: JSON.parse(block.input) } });
    } else if (block.toolResult) {
      assert.equal(this.#open.role, 'user');
      this.#open.content.push({ toolResult: block.toolResult });
    } else {
      this.#open.content.push(block.text !== undefined ? { text: block.text } : { reasoning: block.reasoning });
    }
  }
}
