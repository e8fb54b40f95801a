using System.CommandLine;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Contracts.Sessions;

namespace Belay.Cli.Invocations;

/// <summary><c>belay invoke</c>: sends a message to an agent and shows what it does.</summary>
internal static class InvokeVerb
{
    // What a channel's message says beside the body.
    private const int MessageFrame = 1024;

    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var options = new InvokeOptions();
        var connection = new ConnectionOptions();
        var command = new Command("invoke", "Send a message to an agent and stream what it does.");
        options.AddTo(command);
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var body = options.Body(parsed, host);
            using var client = connection.Connect(parsed, host);
            var (harnessId, arn) = await options.Harness.ResolveAsync(parsed, client, cancellationToken);
            if (options.Detach(parsed))
            {
                var started = await client.StartInvocationAsync(harnessId, options.Qualifier(parsed), options.SessionId(parsed, host), body, cancellationToken);
                ShowStarted(host, started, connection.Json(parsed));
                return (int)ExitCode.Done;
            }

            string? trace = null;
            if (IsAttended(host, options, parsed, body) && !connection.Json(parsed))
            {
                var sessionId = options.SessionId(parsed, host);
                if (options.SessionIsNew(parsed))
                {
                    host.Terminal.Error.WriteLine(host.Terminal.Dim($"session {sessionId}"));
                }

                try
                {
                    var run = new AttendedRun(client, host, new(harnessId, sessionId, options.Qualifier(parsed)));
                    return (int)await run.RunAsync(body, options.SessionIsNew(parsed), id => trace = id, cancellationToken);
                }
                finally
                {
                    ShowTrace(host, trace);
                }
            }

            var call = new InvokeCall(arn, options.Qualifier(parsed), options.SessionId(parsed, host), options.UserId(parsed), body) { Traced = id => trace = id };
            Task<JsonElement?> CostAsync() =>
                InvocationCost.ReadAsync(client, harnessId, call.SessionId, invocation => trace is null || invocation.Text("traceId") == trace, cancellationToken);
            var json = connection.Json(parsed);
            if (!json && options.SessionIsNew(parsed))
            {
                host.Terminal.Error.WriteLine(host.Terminal.Dim($"session {call.SessionId}"));
            }

            try
            {
                var transcript = options.Verbose(parsed)
                    ? await RunRawAsync(client, host, call, cancellationToken)
                    : await RunAsync(client, host, call, show: !json, CostAsync, cancellationToken);
                if (json && !options.Verbose(parsed))
                {
                    JsonOutput.Write(host.Terminal.Output, Result(call.SessionId, trace, transcript, await CostAsync()));
                }

                return (int)(StopReasons.IsNormal(transcript.StopReason ?? "") ? ExitCode.Done : ExitCode.Failed);
            }
            finally
            {
                // Who was failed needs it most.
                ShowTrace(host, json ? null : trace);
            }
        });
        return new Verb(command, """
            The agent's text goes to standard output; tool calls, tokens and time to standard error. In a terminal a line that you type while the agent
            works is told to it, Ctrl-C cancels what it does, and a second Ctrl-C leaves.

            Examples:
              belay invoke --harness hello "Count the words of 'to be or not to be' with the shell."
              belay invoke --harness hello --session-id "$SESSION" "And the letters?"
              belay invoke --harness hello --prompt - < question.txt > answer.txt
              belay invoke --harness hello --json "What day is it?" | jq -r .stopReason
              belay wait "$(belay invoke --harness hello --detach --json "Take your time." | jq -r .sessionId)"
            """);
    }

    /// <summary>Runs one invocation and shows it while it runs.</summary>
    public static async Task<InvocationTranscript> RunAsync(
        BelayClient client, CliHost host, InvokeCall call, bool show, Func<Task<JsonElement?>> cost, CancellationToken cancellationToken)
    {
        var transcript = new InvocationTranscript();
        var view = new InvocationView(host.Terminal);
        var began = host.Time.GetTimestamp();
        try
        {
            await foreach (var next in client.InvokeAsync(call, cancellationToken))
            {
                transcript.Add(next);
                if (show)
                {
                    view.Show(next);
                }
            }
        }
        finally
        {
            view.EndLine();
        }

        if (transcript.StopReason is null)
        {
            throw new CliException(ExitCode.Failed, "Could not invoke the harness: the stream ended without a stop reason.", "The server may have been stopped; its log says so.");
        }

        if (show)
        {
            var took = host.Time.GetElapsedTime(began);
            view.Finish(transcript, took, await cost());
        }

        return transcript;
    }

    // Where a person sits, who can type and interrupt. What is too long for a channel, a picture maybe, goes as from anywhere else.
    private static bool IsAttended(CliHost host, InvokeOptions options, ParseResult parsed, JsonObject body) =>
        host is { OnInterrupt: not null, InputIsTerminal: true } && !options.Verbose(parsed) && options.UserId(parsed) is null
        && Encoding.UTF8.GetByteCount(body.ToJsonString()) <= ChannelMessage.MaxBytes - MessageFrame;

    private static void ShowTrace(CliHost host, string? trace)
    {
        if (trace is not null)
        {
            host.Terminal.Error.WriteLine(host.Terminal.Dim($"trace  belay traces get {trace}"));
        }
    }

    private static void ShowStarted(CliHost host, JsonElement started, bool json)
    {
        if (json)
        {
            JsonOutput.Write(host.Terminal.Output, JsonOutput.Node(started));
            return;
        }

        var session = Terminal.OneLine(started.Text("sessionId") ?? "", 100);
        host.Terminal.Output.WriteLine(session);
        host.Terminal.Error.WriteLine(host.Terminal.Dim($"invocation {Terminal.OneLine(started.Text("invocationId") ?? "", 100)} goes on by itself; follow it: belay wait {session}"));
    }

    /// <summary>The result as the reference CLI prints it, and what the server says beside: the trace, and the cost or what it lacks for it.</summary>
    private static JsonObject Result(string sessionId, string? trace, InvocationTranscript transcript, JsonElement? invocation)
    {
        var result = new JsonObject
        {
            ["sessionId"] = sessionId,
            ["stopReason"] = transcript.StopReason,
            ["usage"] = transcript.Usage is { } usage ? JsonOutput.Node(usage) : null,
            ["latencyMs"] = transcript.LatencyMs,
            ["transcript"] = transcript.Messages.DeepClone(),
        };
        if (trace is not null)
        {
            result["traceId"] = trace;
        }

        foreach (var name in (string[])["cost", "unpriced"])
        {
            if (invocation?.Member(name) is { } value)
            {
                result[name] = JsonOutput.Node(value);
            }
        }

        return result;
    }

    private static async Task<InvocationTranscript> RunRawAsync(BelayClient client, CliHost host, InvokeCall call, CancellationToken cancellationToken)
    {
        var transcript = new InvocationTranscript();
        await foreach (var next in client.InvokeAsync(call, cancellationToken))
        {
            transcript.Add(next);
            JsonOutput.WriteLine(host.Terminal.Output, new JsonObject { [next.Type] = JsonOutput.Node(next.Payload) });
        }

        return transcript;
    }
}
