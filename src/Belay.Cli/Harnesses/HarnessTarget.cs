using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Contracts.Validation;

namespace Belay.Cli.Harnesses;

/// <summary>Names the harness that a verb works on, by name, id or ARN, as an option or as the first argument.</summary>
internal sealed partial class HarnessTarget
{
    private readonly Option<string?> _option = new("--harness", "--id", "--harness-id", "--harness-arn", "--arn")
    {
        Description = "Name, id or ARN of the harness.",
        HelpName = "HARNESS",
    };

    private readonly Argument<string?>? _argument;
    private readonly bool _required = true;

    /// <summary>Names the harness with an option only.</summary>
    public HarnessTarget()
    {
    }

    /// <summary>Names the harness with an option that may be left out, with a description that says what that means.</summary>
    public static HarnessTarget Optional(string description) => new(required: false) { _option = { Description = description } };

    private HarnessTarget(bool required) => _required = required;

    /// <summary>Names the harness with an option, or with an argument.</summary>
    public HarnessTarget(string argument) => _argument = new Argument<string?>(argument)
    {
        Description = "Name, id or ARN of the harness.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    /// <summary>Whether a text can be the name of a harness: a letter, then letters, digits and _, at most 40.</summary>
    public static bool IsName(string text) => Name().IsMatch(text);

    /// <summary>Adds option and argument to a verb.</summary>
    public void AddTo(Command command)
    {
        command.Add(_option);
        if (_argument is not null)
        {
            command.Add(_argument);
        }

        command.Validators.Add(Check);
    }

    /// <summary>Id and ARN. A name or an id costs a request, an ARN none.</summary>
    public async Task<(string Id, string Arn)> ResolveAsync(ParseResult parsed, BelayClient client, CancellationToken cancellationToken)
    {
        var given = parsed.GetValue(_option) ?? (_argument is null ? null : parsed.GetValue(_argument)) ?? "";
        if (Arn().Match(given) is { Success: true } arn)
        {
            return (arn.Groups["id"].Value, given);
        }

        if (Id().IsMatch(given))
        {
            var answer = await client.GetHarnessAsync(given, null, cancellationToken);
            return (given, answer.Member("harness")?.Text("arn") ?? "");
        }

        await foreach (var harness in client.ListHarnessesAsync(cancellationToken))
        {
            if (harness.Text("harnessName") == given)
            {
                return (harness.Text("harnessId") ?? "", harness.Text("arn") ?? "");
            }
        }

        throw new CliException(ExitCode.Failed, $"There is no harness named {Terminal.OneLine(given, 64)}.", "See what there is: belay list")
        {
            Fault = "ResourceNotFoundException",
        };
    }

    /// <summary>The id; null when no harness is named. Whether a harness of a given id or ARN exists is not asked.</summary>
    public async Task<string?> FindIdAsync(ParseResult parsed, BelayClient client, CancellationToken cancellationToken)
    {
        var given = parsed.GetValue(_option);
        return given is null || Id().IsMatch(given) ? given : (await ResolveAsync(parsed, client, cancellationToken)).Id;
    }

    /// <summary>The id of a harness that exists; null when no harness is named.</summary>
    public async Task<string?> ExistingIdAsync(ParseResult parsed, BelayClient client, CancellationToken cancellationToken) =>
        parsed.GetValue(_option) is null ? null : (await ResolveAsync(parsed, client, cancellationToken)).Id;

    private void Check(CommandResult result)
    {
        var option = result.GetValue(_option);
        var argument = _argument is null ? null : result.GetValue(_argument);
        if (option is null && argument is null && _required)
        {
            result.AddError(_argument is null ? "--harness is required: the name, id or ARN of a harness." : "Say which harness: its name, id or ARN; belay list shows them.");
        }
        else if (option is not null && argument is not null && option != argument)
        {
            result.AddError($"Two harnesses are named, {option} and {argument}; name one.");
        }
        else if ((option ?? argument) is { } given && !Arn().IsMatch(given) && !Id().IsMatch(given) && !Name().IsMatch(given))
        {
            result.AddError($"\"{given}\" is no name, id or ARN of a harness.");
        }
    }

    [GeneratedRegex("^" + Patterns.HarnessName + @"\z")]
    private static partial Regex Name();

    [GeneratedRegex("^" + Patterns.HarnessId + "$")]
    private static partial Regex Id();

    [GeneratedRegex("^arn:([^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:harness/(?<id>" + Patterns.HarnessId + ")$")]
    private static partial Regex Arn();
}
