using System.Buffers.Binary;
using System.Text;
using Belay.Bench.Loop.Product;
using Belay.Bench.Loop.Provider;

namespace Belay.Bench.Loop.Driving;

/// <summary>The product: signed requests, AWS event streams.</summary>
internal sealed class BelaySubject(string name, BelayProgram program, Uri provider, WireFormat format) : HttpSubject(name, program.Process)
{
    private const int Prelude = 12;
    private const int Trailer = 4;
    private readonly InvokeSigner _signer = new(program.Key, program.Process.Address, program.HarnessArn);

    /// <inheritdoc/>
    protected override HttpRequestMessage Request(string session, Script script, Input input)
    {
        var head = Encoding.UTF8.GetBytes($$"""{"model":{{format.Configuration(script, provider)}},"messages":""");
        byte[] body = [.. head, .. input.Json, (byte)'}'];
        var request = new HttpRequestMessage(HttpMethod.Post, _signer.Target) { Content = new ByteArrayContent(body) };
        if (program.Variant == Variant.Bearer)
        {
            request.Headers.TryAddWithoutValidation(InvokeSigner.SessionHeader, session);
            request.Headers.TryAddWithoutValidation("Authorization", BearerAuthenticator.Scheme + program.Key.Secret);
        }
        else
        {
            _signer.Sign(request, session, body);
        }

        return request;
    }

    /// <inheritdoc/>
    protected override int Take(ReadOnlySpan<byte> bytes, Answer answer)
    {
        var taken = 0;
        while (bytes.Length - taken >= Prelude)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(bytes[taken..]);
            if (bytes.Length - taken < length)
            {
                break;
            }

            var headers = BinaryPrimitives.ReadInt32BigEndian(bytes[(taken + 4)..]);
            var header = bytes.Slice(taken + Prelude, headers);
            var payload = bytes.Slice(taken + Prelude + headers, length - Prelude - headers - Trailer);
            taken += length;
            if (header.IndexOf("contentBlockDelta"u8) >= 0)
            {
                // The text of an iteration that calls tools, and the tools' answers, are not the answer.
                if (payload.IndexOf("\"toolResult\""u8) < 0)
                {
                    answer.AddText(payload, "\"text\":\""u8);
                }
            }
            else if (header.IndexOf("messageStop"u8) >= 0)
            {
                answer.Stop = Encoding.UTF8.GetString(Answer.Between(payload, "\"stopReason\":\""u8));
            }
            else if (header.IndexOf("exception"u8) >= 0)
            {
                answer.Fault = Encoding.UTF8.GetString(payload);
            }
        }

        return taken;
    }
}
