using Belay.Testing;
using Belay.Testing.Providers;

namespace Belay.Tests.Models;

/// <summary>What providers do wrong, how often, in every wire format: <c>belay test --all</c> makes 1,000 turns of each cell, other runs 50.</summary>
public sealed class FaultMatrixTests
{
    // No answer, or one that says no: a retry can help, since the same call may go well the next time.
    private static readonly Dictionary<string, ProviderFault> Refusals = new()
    {
        ["429"] = new ProviderFault.Status(429, TimeSpan.FromSeconds(7)),
        ["500"] = new ProviderFault.Status(500),
        ["503"] = new ProviderFault.Status(503, TimeSpan.FromSeconds(1)),
        ["529"] = new ProviderFault.Status(529),
        ["reset"] = new ProviderFault.Reset(),
        ["no answer"] = new ProviderFault.Hang(null),
    };

    // An answer that breaks before anything of it was shown: as above.
    private static readonly Dictionary<string, ProviderFault> Breaks = new()
    {
        ["truncated at once"] = new ProviderFault.Cut(0),
        ["ended at once"] = new ProviderFault.NoFinish(0),
        ["overloaded at once"] = new ProviderFault.ErrorInside(0),
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

    public static TheoryData<string, string> RefusalCells { get; } = Cells(Refusals);

    public static TheoryData<string, string> BreakCells { get; } = Cells(Breaks);

    public static TheoryData<string, string> FinalCells { get; } = Cells(Final);

    public static TheoryData<string> Models { get; } = [.. ScriptedProviders.Formats.Select(model => model.Name)];

    [Theory]
    [MemberData(nameof(RefusalCells))]
    public Task Refusal_IsRepeatedAndNotNoticed(string fault, string model) => EachFrequencyAsync(model, Refusals[fault], AssertNotNoticed);

    [Theory]
    [MemberData(nameof(BreakCells))]
    public Task BreakBeforeAnythingIsShown_IsRepeatedAndNotNoticed(string fault, string model) => EachFrequencyAsync(model, Breaks[fault], AssertNotNoticed);

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

    private static TheoryData<string, string> Cells(Dictionary<string, ProviderFault> faults) =>
        [.. from fault in faults.Keys from model in ScriptedProviders.Formats select (fault, model.Name)];

    /// <summary>Every turn ends well, and takes no more calls than its own two and the faulty ones.</summary>
    private static void AssertNotNoticed(FaultCell cell)
    {
        Assert.Equal(Turns, cell.Completed);
        Assert.Equal(2 * (Turns + Turns / FaultCell.TurnsPerSession), cell.Calls - cell.Faults);
    }

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
