using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Sessions;
using Belay.Contracts.Faults;

namespace Belay.Cli.Invocations;

/// <summary>
/// An invocation that a person watches in a terminal, over one channel: a typed line steers it, the first Ctrl-C cancels it, the second leaves. It
/// runs on the server by itself, so that a lost connection costs nothing.
/// </summary>
internal sealed class AttendedRun(BelayClient client, CliHost host, ChannelTarget target)
{
    private readonly ShownRun _shown = new(client, host, json: false);
    private readonly List<JsonElement> _early = [];
    private readonly string _sendId = host.Ids.NewUuid();
    private JsonElement? _reply;
    private JsonElement? _ended;

    /// <summary>Starts it and shows it to its end.</summary>
    /// <param name="body">Messages and overrides.</param>
    /// <param name="isNew">Whether the invocation begins its session.</param>
    /// <param name="traced">Is told the trace, where there is one.</param>
    /// <param name="cancellationToken">Leaves it.</param>
    public async Task<ExitCode> RunAsync(JsonObject body, bool isNew, Action<string> traced, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var channel = new HeldChannel(client, host, target, isNew ? null : await NewestAsync(cancellationToken));
        var send = body.DeepClone().AsObject();
        (send["type"], send["id"]) = ("send", _sendId);
        _ = channel.SayAsync(send, over.Token);
        using var interrupts = host.OnInterrupt!(() => _ = TryAsync(channel, new() { ["type"] = "interrupt" }, "Cancelling; Ctrl-C again leaves.", over.Token));
        _ = SteerAsync(channel, over.Token);
        try
        {
            await channel.RunAsync(Take, cancellationToken);
        }
        finally
        {
            await over.CancelAsync();
            _shown.EndLine();
            if (_shown.TraceId is { } trace)
            {
                traced(trace);
            }
        }

        return _ended is { } ended
            ? await _shown.FinishAsync(ended, target.HarnessId, target.SessionId, _reply?.Text("invocationId") ?? "", cancellationToken)
            : throw Refusal("invoke the harness", _reply!.Value);
    }

    // What was said in the session before is of no interest here.
    private async Task<string?> NewestAsync(CancellationToken cancellationToken)
    {
        try
        {
            var session = await client.GetSessionAsync(target.HarnessId, target.SessionId, cancellationToken);
            return session.Member("session")?.Number("lastSequence")?.ToString(CultureInfo.InvariantCulture);
        }
        catch (CliException fault) when (fault.Fault == nameof(FaultCode.ResourceNotFoundException))
        {
            return null;
        }
    }

    // Events may come before the reply that says which invocation is meant. Answers whether it is over.
    private bool Take(JsonElement told)
    {
        if (told.Text("messageId") == _sendId)
        {
            _reply = told;
        }
        else
        {
            _early.Add(told);
        }

        if (_reply is not { } reply)
        {
            return false;
        }

        foreach (var one in _early.Where(one => one.Text("invocationId") is { } id && id == reply.Text("invocationId") && one.Member("data") is not null))
        {
            var next = new StreamEvent(one.Text("type") ?? "", one.Member("data") ?? default);
            _shown.Show(next);
            _ended ??= next.Type == "invocationEnded" ? next.Payload : null;
        }

        _early.Clear();
        return _ended is not null || IsRefused(reply);
    }

    // A read of a terminal cannot be taken back; what is typed after the end is read by nobody.
    private async Task SteerAsync(HeldChannel channel, CancellationToken cancellationToken)
    {
        while (await Task.Run(host.Input.ReadLine, cancellationToken) is { } line && !cancellationToken.IsCancellationRequested)
        {
            if (!string.IsNullOrWhiteSpace(line))
            {
                await TryAsync(channel, new() { ["type"] = "steer", ["text"] = line }, null, cancellationToken);
            }
        }
    }

    private async Task TryAsync(HeldChannel channel, JsonObject message, string? note, CancellationToken cancellationToken)
    {
        if (note is not null)
        {
            host.Terminal.Error.WriteLine(host.Terminal.Dim(note));
        }

        message["id"] = host.Ids.NewUuid();
        try
        {
            var reply = await channel.SayAsync(message, cancellationToken);
            if (IsRefused(reply))
            {
                var refusal = Refusal($"{message["type"]} the invocation", reply);
                host.Terminal.Error.WriteLine(host.Terminal.Bad(Terminal.OneLine(refusal.Message, 500)));
            }
        }
        catch (OperationCanceledException)
        {
            // The run is over, or was left.
        }
    }

    private static bool IsRefused(JsonElement reply) => reply.Text("type") == "refused";

    private static CliException Refusal(string attempt, JsonElement reply)
    {
        var error = reply.Member("error") ?? default;
        var code = error.Text("__type") ?? nameof(FaultCode.InternalServerException);
        return BelayClient.Fault(attempt, code, error, code == nameof(FaultCode.AccessDeniedException));
    }
}
