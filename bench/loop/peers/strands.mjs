// Strands behind a plain http server: `node strands.mjs PROVIDER_URL`. The first line that it prints is its address. Sessions live in
// memory; it says when the first token came and, at the end, the whole answer.
import http from 'node:http';
import { Agent, NullConversationManager, tool } from '@strands-agents/sdk';
import { OpenAIModel } from '@strands-agents/sdk/models/openai';
import { z } from 'zod';

const [provider] = process.argv.slice(2);
const models = new Map();
const sessions = new Map();
const add = tool({
  name: 'add',
  description: 'Add two numbers',
  inputSchema: z.object({ a: z.number(), b: z.number() }),
  callback: ({ a, b }) => String(a + b),
});

function modelOf(modelId) {
  if (!models.has(modelId)) {
    models.set(modelId, new OpenAIModel({ api: 'chat', modelId, apiKey: 'none', clientConfig: { baseURL: `${provider}v1`, maxRetries: 0 } }));
  }
  return models.get(modelId);
}

function agentOf(id, modelId, history) {
  // A session's model is that of its first turn, save that the bench may ask for another script.
  let session = sessions.get(id);
  if (!session) {
    const messages = history.map(({ role, content }) => ({ role, content: [{ text: content[0].text }] }));
    session = { modelId, agent: new Agent({ model: modelOf(modelId), tools: [add], messages, printer: false, conversationManager: new NullConversationManager() }) };
    sessions.set(id, session);
  }
  if (session.modelId !== modelId) {
    session.agent.model = modelOf(modelId);
    session.modelId = modelId;
  }
  return session.agent;
}

async function turn(agent, prompt, first) {
  let text = '';
  for await (const event of agent.stream(prompt)) {
    const inner = event.type === 'modelStreamUpdateEvent' ? event.event : event;
    if (inner.type === 'modelContentBlockDeltaEvent' && inner.delta?.type === 'textDelta' && inner.delta.text) {
      if (!text) first();
      text += inner.delta.text;
    }
  }
  return text;
}

const server = http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  try {
    const { model, messages } = JSON.parse(Buffer.concat(chunks));
    const last = messages.pop();
    const agent = agentOf(request.headers['x-session'], model, messages);
    const text = await turn(agent, last.content[0].text, () => response.write('data: {"first":true}\n\n'));
    response.end(`data: ${JSON.stringify({ stopReason: 'end_turn', text })}\n\n`);
  } catch (error) {
    response.end(`data: ${JSON.stringify({ error: String(error) })}\n\n`);
  }
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
process.stdin.on('end', () => process.exit(0)).resume();
