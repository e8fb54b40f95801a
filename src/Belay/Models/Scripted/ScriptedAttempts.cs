using System.Security.Cryptography;

namespace Belay.Models.Scripted;

/// <summary>
/// How often each call has failed. Attempts leave no trace in the conversation, so this is the one thing that the scripted model
/// remembers: in memory, bounded, and by the conversation's digest.
/// </summary>
internal sealed class ScriptedAttempts
{
    private const int MaxRemembered = 4096;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _failed = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = new();

    /// <summary>Whether a call should fail once more.</summary>
    /// <param name="conversation">What is asked.</param>
    /// <param name="times">How often it fails before it works.</param>
    public bool ShouldFail(IEnumerable<string> conversation, int times)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in conversation)
        {
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes($"{part.Length}:{part}"));
        }

        var key = Convert.ToHexStringLower(hash.GetHashAndReset());
        lock (_gate)
        {
            var failed = _failed.GetValueOrDefault(key);
            if (failed >= times)
            {
                // It works now; the same script, sent anew, fails again.
                _failed.Remove(key);
                return false;
            }

            if (failed == 0)
            {
                _order.Enqueue(key);
                if (_order.Count > MaxRemembered)
                {
                    _failed.Remove(_order.Dequeue());
                }
            }

            _failed[key] = failed + 1;
            return true;
        }
    }
}
