using System.Text;
using Belay.Agents;
using Belay.Contracts;
using Belay.Contracts.Invocations;
using Belay.Harnesses;
using Belay.Models;
using Belay.Server.Auth;
using Belay.Server.Invocations;
using Belay.Server.Wire;
using Belay.Sessions;
using Belay.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Server.Starting;

/// <summary>
/// What the first invocation of a process runs, run once before anybody asks, on another processor, while the server opens its store. The
/// runtime compiles code and loads types when they are first needed; that takes longer than the work itself. Nothing of a rehearsal leaves the
/// process, is stored, logged or counted: it has a server without a socket, one request, and a model that answers by itself.
/// </summary>
public static class Rehearsal
{
    private const string Body = """{"messages":[{"role":"user","content":[{"text":"Are you ready?"}]}]}""";
    private const string Path = "/rehearsal";
    private const string Harness = "arn:aws:bedrock-agentcore:local:000000000000:harness/rehearsal-0000000000";

    private static int _begun;

    /// <summary>Begins the rehearsal of this process, where there is a processor to spare for it. Nobody waits for it.</summary>
    public static void Begin(ServerSettings settings)
    {
        if (Environment.ProcessorCount > 1 && Interlocked.Exchange(ref _begun, 1) == 0)
        {
            _ = Task.Run(() => RunAsync(settings, CancellationToken.None));
        }
    }

    /// <summary>Runs it. What fails here fails again, and is said, where it is needed.</summary>
    internal static async Task<bool> RunAsync(ServerSettings settings, CancellationToken cancellationToken)
    {
        try
        {
            HarnessCatalog.PrepareForms();
            JournalJson.PrepareForms();
            await ServeAsync(settings, cancellationToken);
            await ModelRehearsal.RunAsync(settings.Models, TimeProvider.System);
            return true;
        }
        catch (Exception)
        {
            return false;
        }
    }

    private static async Task ServeAsync(ServerSettings settings, CancellationToken cancellationToken)
    {
        var head = $"POST {Path}?harnessArn={Harness} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
            + $"X-Amzn-Bedrock-AgentCore-Runtime-Session-Id: {new string('0', 33)}\r\nContent-Length: {Body.Length}\r\n\r\n";
        await using var transport = new MemoryTransport(Encoding.ASCII.GetBytes(head + Body));
        var parts = new ServerParts
        {
            Operations = [new("Rehearse", HttpMethods.Post, Path, Operation.ControlBodyBytes, AnswerAsync)],
            Authenticator = new Nobody(),
            Logging = NullLoggerFactory.Instance,
        };
        await using var server = BelayServer.Create(settings with { Port = 0, CertificatePath = null, CertificateKeyPath = null, AllowPlainHttp = true }, parts, transport);
        await server.StartAsync(cancellationToken);
        await transport.AnswerAsync(cancellationToken);
        await server.StopAsync(cancellationToken);
    }

    private static async Task AnswerAsync(OperationCall call, CancellationToken cancellationToken)
    {
        _ = call.Bind(BelayJson.Default.InvokeHarnessRequest);
        var stream = await call.StartEventStreamAsync(flush: false);
        InvocationEvent[] events =
        [
            new HarnessMessageStartEvent { Role = HarnessConversationRole.Assistant },
            new HarnessContentBlockDeltaEvent { ContentBlockIndex = 0, Delta = new() { Text = "ready" } },
            new HarnessContentBlockStopEvent { ContentBlockIndex = 0 },
            new HarnessMessageStopEvent { StopReason = HarnessStopReason.EndTurn },
        ];
        foreach (var one in events)
        {
            await InvocationEndpoints.WriteAsync(stream, one, cancellationToken);
        }

        await stream.FlushAsync(cancellationToken);
    }

    /// <summary>Everybody is nobody.</summary>
    private sealed class Nobody : IAuthenticator, IPendingCaller
    {
        public bool IsVerified => true;

        public ValueTask<IPendingCaller> BeginAsync(HttpRequest request, RequestTarget target, CancellationToken cancellationToken) => ValueTask.FromResult<IPendingCaller>(this);

        public ValueTask<bool> IsStillGoodAsync(Caller caller, CancellationToken cancellationToken) => ValueTask.FromResult(true);

        public Caller Complete(string bodyHash) => new(new Scope("000000000000", "local"), "");
    }
}
