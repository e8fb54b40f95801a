"""The one place that knows the scripted model's grammar (docs/how-to/scripted-model.md)."""

import json


def script(*replies):
    """A user message that tells belay/scripted what each reply of the turn does: a string is said; a dictionary says `say` and
    calls `calls`, a list of (tool, arguments)."""
    lines = []
    for reply in replies:
        if isinstance(reply, str):
            reply = {"say": reply}
        directives = [f"!say {reply['say']}"] if "say" in reply else []
        directives += [f"!call {tool} {json.dumps(arguments)}" for tool, arguments in reply.get("calls", [])]
        lines.append("\n".join(directives))
    return "\n!then\n".join(lines)
