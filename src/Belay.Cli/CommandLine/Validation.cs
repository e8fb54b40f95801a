using System.CommandLine;
using System.CommandLine.Parsing;

namespace Belay.Cli.CommandLine;

/// <summary>Rules of option values that more than one verb has.</summary>
internal static class Validation
{
    /// <summary>A TCP port.</summary>
    public static void Port(Option<int?> option, int smallest) => Between(option, smallest, 65535);

    /// <summary>An account of twelve digits.</summary>
    public static void Account(OptionResult result)
    {
        if (result.GetValueOrDefault<string>() is not { Length: 12 } account || !account.All(char.IsAsciiDigit))
        {
            result.AddError($"{result.Option.Name} must be twelve digits.");
        }
    }

    /// <summary>Refuses what stands in front of a verb below another: it would belong to the other one, and mean nothing.</summary>
    public static void NothingBefore(Command below) => below.Validators.Add(result =>
    {
        foreach (var before in (result.Parent as CommandResult)?.Children ?? [])
        {
            var given = before switch
            {
                OptionResult { Implicit: false } option => option.Option.Name,
                ArgumentResult { Tokens: [var first, ..] } => $"\"{Terminal.OneLine(first.Value, 64)}\"",
                _ => null,
            };
            if (given is not null)
            {
                result.AddError($"{given} stands before {below.Name}; put it behind.");
            }
        }
    });

    /// <summary>A whole number between two bounds.</summary>
    public static void Between(Option<int?> option, int smallest, int largest) => option.Validators.Add(result =>
    {
        if (result.Tokens.Count > 0 && (!int.TryParse(result.Tokens[0].Value, out var value) || value < smallest || value > largest))
        {
            result.AddError($"{option.Name} must be a whole number between {smallest} and {largest}.");
        }
    });
}
