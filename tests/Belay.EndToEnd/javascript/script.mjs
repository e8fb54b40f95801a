// The one place that knows the scripted model's grammar (docs/how-to/scripted-model.md).

/**
 * A user message that tells belay/scripted what each reply of the turn does: a string is said; an object says `say` and calls
 * `calls`, a list of [tool, arguments].
 */
export function script(...replies) {
  return replies.map((reply) => (typeof reply === 'string' ? { say: reply } : reply))
    .map(({ say, calls = [] }) => [
      ...(say === undefined ? [] : [`!say ${say}`]),
      ...calls.map(([tool, input]) => `!call ${tool} ${JSON.stringify(input)}`),
    ].join('\n'))
    .join('\n!then\n');
}
