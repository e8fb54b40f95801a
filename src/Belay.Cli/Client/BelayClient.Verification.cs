using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Belay.Cli.CommandLine;
using Belay.Contracts;
using Belay.Contracts.Verification;

namespace Belay.Cli.Client;

/// <content>The verification of journals by the server that holds them.</content>
internal sealed partial class BelayClient
{
    /// <summary>VerifyJournals as a stream: what is found, as it is found.</summary>
    public async IAsyncEnumerable<VerificationStep> VerifyAsync(string? sessionId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        const string Attempt = "verify the journals";
        (string, string?)[] headers = [("Accept", SentEvents)];
        using var response = await SendAsync(Attempt, HttpMethod.Get, Connection.Control, $"{NativeRoot}/verify{Query(("sessionId", sessionId))}", null, headers, cancellationToken);
        await using var bytes = await response.Content.ReadAsStreamAsync(cancellationToken);
        var items = SseParser.Create(bytes, (_, data) => Encoding.UTF8.GetString(data)).EnumerateAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using (items.ConfigureAwait(false))
        {
            while (await NextAsync(Attempt, items))
            {
                var body = Parse(Attempt, Connection.Control, Encoding.UTF8.GetBytes(items.Current.Data));
                if (items.Current.EventType == "error")
                {
                    throw Fault(Attempt, body.Text("__type")?.Split('#')[^1] ?? "InternalServerException", body, refused: false);
                }

                yield return Step(Attempt, body);
            }
        }
    }

    private static async Task<bool> NextAsync(string attempt, IAsyncEnumerator<SseItem<string>> items)
    {
        try
        {
            return await items.MoveNextAsync();
        }
        catch (Exception cause) when (cause is IOException or HttpRequestException)
        {
            throw new CliException(ExitCode.Failed, $"Could not {attempt}: the connection broke before the answer was complete.", "The server's log may say why it broke.", cause);
        }
    }

    private VerificationStep Step(string attempt, JsonElement body)
    {
        try
        {
            return body.Deserialize(BelayJson.Default.VerificationStep)!;
        }
        catch (JsonException cause)
        {
            throw NotBelay(attempt, Connection.Control, "its answer lacks what this program needs", cause);
        }
    }
}
