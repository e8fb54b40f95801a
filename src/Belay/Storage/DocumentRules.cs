using System.Text;

namespace Belay.Storage;

/// <summary>What every <see cref="IDocumentStore"/> refuses, so that no store accepts a key that another one mangles.</summary>
public static class DocumentRules
{
    /// <summary>Longest collection name and id, in characters.</summary>
    public const int MaxKeyLength = 1024;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Throws when a batch breaks the rules.</summary>
    /// <exception cref="ArgumentException">The batch is empty, names a key twice, or has a key that is empty, too long or not
    /// well-formed UTF-16.</exception>
    public static void Check(IReadOnlyList<DocumentWrite> writes)
    {
        if (writes.Count == 0)
        {
            throw new ArgumentException("A batch needs at least one write.", nameof(writes));
        }

        var keys = new HashSet<DocumentKey>(writes.Count);
        foreach (var write in writes)
        {
            CheckPart(write.Key.Collection, nameof(DocumentKey.Collection));
            CheckPart(write.Key.Id, nameof(DocumentKey.Id));
            if (!keys.Add(write.Key))
            {
                throw new ArgumentException($"The batch writes {write.Key.Collection}/{write.Key.Id} twice.", nameof(writes));
            }
        }
    }

    private static void CheckPart(string part, string name)
    {
        if (part is not { Length: > 0 and <= MaxKeyLength })
        {
            throw new ArgumentException($"{name} must have 1 to {MaxKeyLength} characters, but has {part?.Length ?? 0}.");
        }

        try
        {
            _ = Strict.GetByteCount(part);
        }
        catch (EncoderFallbackException cause)
        {
            throw new ArgumentException($"{name} must be well-formed text.", cause);
        }
    }
}
