using System.CommandLine;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;
using Belay.Cli.Runtimes;

namespace Belay.Cli.Invocations;

/// <summary>What <c>invoke</c> takes: the message, the session, and what it overrides for one call.</summary>
internal sealed class InvokeOptions
{
    private readonly Argument<string?> _text = new("message") { Description = "What to say to the agent.", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string?> _prompt = new("--prompt") { Description = "What to say to the agent; - reads standard input.", HelpName = "TEXT" };
    private readonly Option<string?> _messages = new("--messages") { Description = "Messages as the API takes them, for answers to inline functions.", HelpName = "JSON" };
    private readonly SessionOption _session = new(required: false);
    private readonly Option<string?> _qualifier = SessionOption.NewQualifier();
    private readonly Option<string?> _actor = new("--actor-id") { Description = "Actor whose conversation it is.", HelpName = "ID" };
    private readonly Option<string?> _user = new("--user-id") { Description = "User on whose behalf the call is made.", HelpName = "ID" };
    private readonly Option<string?> _model = new("--model") { Description = "Model configuration for this call.", HelpName = "JSON" };
    private readonly Option<string?> _modelId = new("--model-id") { Description = "Model for this call, by id.", HelpName = "ID" };
    private readonly Option<string?> _systemPrompt = new("--system-prompt") { Description = "Instructions for this call, as text or as a JSON list of blocks.", HelpName = "TEXT|JSON" };
    private readonly Option<string?> _tools = new("--tools") { Description = "Tool entries for this call.", HelpName = "JSON" };
    private readonly Option<string?> _allowedTools = new("--allowed-tools") { Description = "Patterns of the tools that the model may use in this call.", HelpName = "LIST" };
    private readonly Option<string?> _skills = new("--skills") { Description = "Skills added for this call.", HelpName = "JSON" };
    private readonly Option<int?> _maxIterations = new("--max-iterations") { Description = "Largest number of model calls.", HelpName = "N" };
    private readonly Option<int?> _maxTokens = new("--max-tokens") { Description = "Largest sum of output tokens.", HelpName = "N" };
    private readonly Option<int?> _timeout = new("--timeout-seconds", "--harness-timeout") { Description = "Longest run, in seconds.", HelpName = "N" };
    private readonly Option<bool> _detach = new("--detach") { Description = "Start the invocation and leave; belay wait follows it." };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "Print every event of the stream as one line of JSON." };

    /// <summary>Which harness.</summary>
    public HarnessTarget Harness { get; } = new();

    /// <summary>Adds the options to the verb.</summary>
    public void AddTo(Command command)
    {
        command.Add(_text);
        Harness.AddTo(command);
        command.Add(_prompt);
        command.Add(_messages);
        _session.AddTo(command);
        Option[] rest = [_qualifier, _actor, _user, _model, _modelId, _systemPrompt, _tools, _allowedTools, _skills, _maxIterations, _maxTokens, _timeout, _detach, _verbose];
        foreach (var option in rest)
        {
            command.Add(option);
        }

        Validation.Between(_maxIterations, 1, int.MaxValue);
        Validation.Between(_maxTokens, 1, int.MaxValue);
        Validation.Between(_timeout, 1, int.MaxValue);
        command.Validators.Add(result =>
        {
            var given = new[] { result.GetValue(_text) is not null, result.GetResult(_prompt) is not null, result.GetResult(_messages) is not null };
            switch (given.Count(one => one))
            {
                case 0:
                    result.AddError("Say something to the agent: belay invoke --harness HARNESS \"MESSAGE\".");
                    break;
                case > 1:
                    result.AddError("The message is given more than once; use one of MESSAGE, --prompt and --messages.");
                    break;
            }

            if (result.GetResult(_model) is not null && result.GetResult(_modelId) is not null)
            {
                result.AddError("--model and --model-id say the same thing; give one.");
            }

            if (result.GetValue(_detach) && (result.GetValue(_verbose) || result.GetResult(_user) is not null))
            {
                result.AddError("--detach shows no events and knows no user: leave --verbose and --user-id out.");
            }
        });
    }

    /// <summary>The endpoint; null for the default.</summary>
    public string? Qualifier(ParseResult parsed) => parsed.GetValue(_qualifier);

    /// <summary>The user on whose behalf the call is made.</summary>
    public string? UserId(ParseResult parsed) => parsed.GetValue(_user);

    /// <summary>Whether the invocation goes on without this program.</summary>
    public bool Detach(ParseResult parsed) => parsed.GetValue(_detach);

    /// <summary>Whether raw events are wanted.</summary>
    public bool Verbose(ParseResult parsed) => parsed.GetValue(_verbose);

    /// <summary>Whether the call begins a session.</summary>
    public bool SessionIsNew(ParseResult parsed) => _session.Read(parsed) is null;

    /// <summary>The session; a new id when none is given.</summary>
    public string SessionId(ParseResult parsed, CliHost host) => _session.Read(parsed) ?? host.Ids.NewUuid();

    /// <summary>The request's body.</summary>
    public JsonObject Body(ParseResult parsed, CliHost host)
    {
        var body = new JsonObject { ["messages"] = Messages(parsed, host) };
        Set("model", Json(_model) ?? (parsed.GetValue(_modelId) is { } id ? HarnessFields.ModelNamed(id, null) : null));
        Set("systemPrompt", parsed.GetValue(_systemPrompt) is { } prompt ? HarnessFields.Prompt("--system-prompt", prompt, host) : null);
        Set("tools", Json(_tools));
        Set("allowedTools", parsed.GetValue(_allowedTools) is { } patterns ? JsonOption.List("--allowed-tools", patterns, host) : null);
        Set("skills", Json(_skills));
        Set("maxIterations", parsed.GetValue(_maxIterations));
        Set("maxTokens", parsed.GetValue(_maxTokens));
        Set("timeoutSeconds", parsed.GetValue(_timeout));
        Set("actorId", parsed.GetValue(_actor));
        return body;

        void Set(string name, JsonNode? value)
        {
            if (value is not null)
            {
                body[name] = value;
            }
        }

        JsonNode? Json(Option<string?> option) => parsed.GetValue(option) is { } text ? JsonOption.Parse(option.Name, text, host) : null;
    }

    private JsonNode Messages(ParseResult parsed, CliHost host)
    {
        if (parsed.GetValue(_messages) is { } messages)
        {
            return JsonOption.Parse("--messages", messages, host);
        }

        var text = parsed.GetValue(_text) ?? JsonOption.Text("--prompt", parsed.GetValue(_prompt)!, host);
        text = text == "-" ? host.Input.ReadToEnd() : text;
        return string.IsNullOrWhiteSpace(text)
            ? throw CliException.Usage("The message is empty.")
            : UserMessage(text);
    }

    /// <summary>One message of the user that is one text.</summary>
    public static JsonArray UserMessage(string text) =>
        [new JsonObject { ["role"] = "user", ["content"] = new JsonArray(new JsonObject { ["text"] = text }) }];
}
