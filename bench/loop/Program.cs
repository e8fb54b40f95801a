using System.Diagnostics;
using System.Globalization;
using Belay.Bench.Loop;
using Belay.Bench.Loop.Floor;
using Belay.Bench.Loop.Measuring;
using Belay.Bench.Loop.Product;
using Belay.Bench.Loop.Profile;
using Belay.Bench.Loop.Provider;
using Belay.Bench.Loop.Rows;

// The bench starts itself again in the roles that need a process of their own.
switch (args)
{
    case ["--role", "provider"]:
        await ModelServer.RunAsync();
        return 0;
    case ["--role", "floor", var provider]:
        await FloorServer.RunAsync(new Uri(provider));
        return 0;
    case ["--role", "variant", var variant, var directory]:
        await VariantServer.RunAsync(Enum.Parse<Variant>(variant), directory);
        return 0;
    default:
        break;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

if (args is [StartProfile.Option])
{
    await using var subjects = await Field.StartAsync(Console.Error, stop.Token);
    await Console.Out.WriteLineAsync(await StartProfile.WriteAsync(subjects, stop.Token));
    return 0;
}

if (Options.Parse(args) is not { } options)
{
    await Console.Error.WriteLineAsync(Options.Usage);
    return 2;
}

var begun = Stopwatch.GetTimestamp();
var results = new Results();
var schedule = options.Quick ? Schedule.Quick : Schedule.Full;
try
{
    await using var field = await Field.StartAsync(Console.Error, stop.Token);
    await Console.Error.WriteLineAsync("Warming up");
    await Load.WarmUpAsync(field, schedule.Common, stop.Token);
    foreach (var row in options.Rows)
    {
        await Console.Error.WriteLineAsync($"Row {row.Name}");
        await row.RunAsync(new Run(field, schedule, results, options.Long), stop.Token);
    }
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return 130;
}

var footer = string.Create(
    CultureInfo.InvariantCulture,
    $"{schedule.Rounds} interleaved rounds after {schedule.Common.TotalSeconds} s of common warm-up and {schedule.WarmUp.TotalSeconds} s for each subject and row, {Environment.ProcessorCount} processors shared by all, load {File.ReadAllText("/proc/loadavg").Split(' ')[1]} (5 minutes), {Stopwatch.GetElapsedTime(begun).TotalSeconds:F0} s in all. Compare figures of one run only.");
if (options.Json)
{
    using var output = Console.OpenStandardOutput();
    Report.WriteJson(output, results, footer);
}
else
{
    Report.Write(Console.Out, results, footer);
}

return 0;
