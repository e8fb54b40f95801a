using Belay.Testing;
using Belay.Testing.Providers;

namespace Belay.Tests.Models;

/// <summary>What providers do wrong, how often, in every wire format: <c>belay test --all</c> makes 1,000 turns of each cell.</summary>
public sealed class FaultMatrixTests
{
    // Where a retry can help: nothing of the reply has been shown yet, and the same call may go well the next time.
    private static readonly Dictionary<string, ProviderFault> Helped = new()
    {
        ["429"] = new ProviderFault.Status(429, TimeSpan.FromSeconds(7)),
        ["500"] = new ProviderFault.Status(500),
        ["503"] = new ProviderFault.Status(503, TimeSpan.FromSeconds(1)),
        ["529"] = new ProviderFault.Status(529),
        ["reset"] = new ProviderFault.Reset(),
        ["truncated at once"] = new ProviderFault.Cut(0),
        ["ended at once"] = new ProviderFault.NoFinish(0),
        ["overloaded at once"] = new ProviderFault.ErrorInside(0),
        ["no answer"] = new ProviderFault.Hang(null),
        ["silent at once"] = new ProviderFault.Hang(0),
    };

    // Where it cannot: what was shown would be said twice, or the provider says what cannot be understood.
    private static readonly Dictionary<string, ProviderFault> Final = new()
    {
        ["truncated later"] = new ProviderFault.Cut(1),
        ["ended later"] = new ProviderFault.NoFinish(1),
        ["overloaded later"] = new ProviderFault.ErrorInside(1),
        ["silent later"] = new ProviderFault.Hang(1),
        ["malformed at once"] = new ProviderFault.Garbage(0),
        ["malformed later"] = new ProviderFault.Garbage(1),
    };

    private static readonly int[] Frequencies = [2, 3, 7];

    private static int Turns => BelayTestSettings.All ? 1000 : 50;

    public static TheoryData<string, string> HelpedCells { get; } = [.. from fault in Helped.Keys from model in ScriptedProviders.Formats select (fault, model.Name)];

    public static TheoryData<string, string> FinalCells { get; } = [.. from fault in Final.Keys from model in ScriptedProviders.Formats select (fault, model.Name)];

    [Theory]
    [MemberData(nameof(HelpedCells))]
    public Task WhatARetryHelps_IsNotNoticed(string fault, string model) => EachFrequencyAsync(model, Helped[fault], cell =>
    {
        Assert.Equal(Turns, cell.Completed);
        Assert.Equal(2 * Turns, cell.Calls - cell.Faults - 2 * (Turns / 10));
    });

    [Theory]
    [MemberData(nameof(FinalCells))]
    public Task WhatNoRetryHelps_EndsItsTurnAndNoOther(string fault, string model) => EachFrequencyAsync(model, Final[fault], cell =>
    {
        Assert.Equal(Turns, cell.Completed + cell.Failed);
        Assert.Equal(cell.Faults, cell.Failed);
    });

    /// <summary>Not a fault: however small the pieces in which a reply comes, it is the same.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public Task ByteByByte_IsNotNoticed(string model) => EachFrequencyAsync(model, new ProviderFault.Drip(), cell => Assert.Equal(Turns, cell.Completed));

    /// <summary>Half a character was not shown, so that this call is repeated where it broke before anything else was.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public Task HalfACharacter_IsShownToNobody(string model) => EachFrequencyAsync(model, new ProviderFault.HalfCharacter(), cell => Assert.Equal(Turns, cell.Completed + cell.Failed));

    public static TheoryData<string> Models { get; } = [.. ScriptedProviders.Formats.Select(model => model.Name)];

    private static async Task EachFrequencyAsync(string model, ProviderFault fault, Action<FaultCell> check)
    {
        foreach (var every in Frequencies)
        {
            await using var cell = new FaultCell(ScriptedProviders.Find(model), fault, every);
            await cell.RunAsync(Turns);
            Assert.Empty(cell.Problems);
            Assert.NotEqual(0, cell.Faults);
            check(cell);
        }
    }
}
