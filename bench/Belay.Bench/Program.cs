using Belay.Bench;

// `--serve-model` is the child that plays the provider; without arguments everything is measured.
if (args is ["--serve-model"])
{
    await ModelServer.RunAsync();
    return 0;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};
var quick = args.Contains("--quick");
await new Comparison(quick ? Schedule.Quick : Schedule.Full, TimeProvider.System).RunAsync(Console.Out, stop.Token);
return 0;
