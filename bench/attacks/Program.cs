using Belay.Bench.Attacks;

// `--hold KIND PORT COUNT` is a child that attacks, so that the sockets of an attack do not count against the good client's files.
if (args is ["--hold", var kind, var port, var count, var connection])
{
    await Crowd.RunAsync(kind, Target.Of(int.Parse(port, System.Globalization.CultureInfo.InvariantCulture), connection), int.Parse(count, System.Globalization.CultureInfo.InvariantCulture));
    return 0;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};
return await new Siege(args.Contains("--quick") ? TimeSpan.FromSeconds(5) : TimeSpan.FromSeconds(10), args.FirstOrDefault(one => !one.StartsWith('-')) ?? "", TimeProvider.System).RunAsync(Console.Out, stop.Token);
