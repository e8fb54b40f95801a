using System.Runtime.CompilerServices;

namespace Belay.Testing.Providers;

/// <summary>Lets a fault happen to the pieces of a reply.</summary>
internal static class FaultyBody
{
    private const byte FirstOfMany = 0xC2;

    /// <summary>The bytes that are sent.</summary>
    /// <param name="pieces">The reply as it should be.</param>
    /// <param name="fault">What happens to it; null for nothing.</param>
    /// <param name="writer">Whose words a fault is put into.</param>
    /// <param name="hang">Ends when the client has left.</param>
    /// <param name="cancellationToken">Ends everything.</param>
    public static async IAsyncEnumerable<byte[]> Of(
        IAsyncEnumerable<ReplyPiece> pieces, ProviderFault? fault, ReplyWriter writer, Func<CancellationToken, Task> hang, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var after = fault switch
        {
            ProviderFault.Cut cut => cut.After,
            ProviderFault.NoFinish early => early.After,
            ProviderFault.Garbage garbage => garbage.After,
            ProviderFault.ErrorInside error => error.After,
            ProviderFault.Hang silence => silence.After ?? 0,
            _ => int.MaxValue,
        };
        var content = 0;
        await foreach (var piece in pieces.WithCancellation(cancellationToken))
        {
            if (content >= after)
            {
                foreach (var last in Happen(fault!, piece, writer))
                {
                    yield return last;
                }

                await EndAsync(fault!, hang, cancellationToken);
                yield break;
            }

            content += piece.Content ? 1 : 0;
            var half = fault is ProviderFault.HalfCharacter && piece.Content ? Array.FindIndex(piece.Bytes, one => one >= FirstOfMany) : -1;
            if (half >= 0)
            {
                yield return piece.Bytes[..(half + 1)];
                throw new IOException("The connection broke in the middle of a character.");
            }

            if (fault is not ProviderFault.Drip)
            {
                yield return piece.Bytes;
                continue;
            }

            foreach (var one in piece.Bytes)
            {
                yield return [one];
            }
        }
    }

    private static IEnumerable<byte[]> Happen(ProviderFault fault, ReplyPiece piece, ReplyWriter writer) => fault switch
    {
        ProviderFault.Cut => [piece.Bytes[..(piece.Bytes.Length / 2)]],
        ProviderFault.Garbage => [writer.Garbage().Bytes],
        ProviderFault.ErrorInside => [writer.Overloaded().Bytes],
        _ => [],
    };

    private static async Task EndAsync(ProviderFault fault, Func<CancellationToken, Task> hang, CancellationToken cancellationToken)
    {
        switch (fault)
        {
            case ProviderFault.Cut:
                throw new IOException("The connection broke.");
            case ProviderFault.Hang:
                await hang(cancellationToken);
                break;
            default:
                break;
        }
    }
}
