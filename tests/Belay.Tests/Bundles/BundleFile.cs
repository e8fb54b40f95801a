using System.Security.Cryptography;
using System.Text;
using Belay.Bundles;
using Belay.Contracts.Harnesses;
using Belay.Sessions;
using Belay.Testing.Sessions;

namespace Belay.Tests.Bundles;

/// <summary>Bundles of a world's sessions, and what somebody makes of them who knows the form.</summary>
internal static class BundleFile
{
    /// <summary>A harness that a catalog can make.</summary>
    public static Harness Harness() => EngineWorld.DefaultHarness() with
    {
        Environment = new()
        {
            AgentCoreRuntimeEnvironment = new()
            {
                AgentRuntimeArn = "arn:aws:bedrock-agentcore:us-west-2:000000000000:runtime/harness_test-AAAAAAAAAA",
                AgentRuntimeName = "harness_test",
                AgentRuntimeId = "harness_test-AAAAAAAAAA",
                LifecycleConfiguration = new() { IdleRuntimeSessionTimeout = 120 },
                NetworkConfiguration = new() { NetworkMode = NetworkMode.Public },
            },
        },
    };

    /// <summary>A session's bundle, read back.</summary>
    public static async Task<SessionBundle> ExportAsync(EngineWorld world, SessionKey key, BundleKey signer) => await ReadAsync(await WriteAsync(world, key, signer));

    /// <summary>A session's bundle.</summary>
    public static async Task<byte[]> WriteAsync(EngineWorld world, SessionKey key, BundleKey signer, BundleFiles? files = null, Stream? archive = null)
    {
        using var output = new MemoryStream();
        var row = await world.Journal.FindAsync(key, CancellationToken.None);
        var places = await SessionPast.PlacesAsync(world.Journal, world.Sealer, key, CancellationToken.None);
        var header = new BundleHeader(
            BundleWriter.Format,
            key.HarnessId,
            "test",
            key.SessionId,
            DateTimeOffset.UnixEpoch,
            row!.LastSequence,
            places.Count == 0 ? null : [.. places.Select(place => new BundlePast(place.Session.SessionId, place.Last))],
            files);
        await new BundleWriter(output, signer).WriteAsync(
            header, SessionPast.ReadPlacedAsync(world.Journal, world.Sealer, key, places, CancellationToken.None), (_, _, _) => Task.FromResult<Harness?>(world.Harness), archive, CancellationToken.None);
        return output.ToArray();
    }

    /// <summary>Reads one.</summary>
    public static async Task<SessionBundle> ReadAsync(byte[] bytes, Stream? archive = null, BundleLimits? limits = null)
    {
        using var input = new MemoryStream(bytes);
        return await new BundleReader(limits ?? new(), archive).ReadAsync(input, null, CancellationToken.None);
    }

    /// <summary>The JSON of its lines, without the last.</summary>
    public static List<string> Lines(byte[] bytes) => [.. Encoding.UTF8.GetString(bytes).Split('\n', StringSplitOptions.RemoveEmptyEntries).SkipLast(1).Select(line => line[65..])];

    /// <summary>Lines with digests and a signature, as whoever has a key can make them.</summary>
    public static byte[] Signed(IEnumerable<string> lines, BundleKey signer)
    {
        var digest = SHA256.HashData("belay session bundle"u8);
        var text = new StringBuilder();
        foreach (var line in lines)
        {
            Add(line);
        }

        Add($$$"""{"end":{"key":"{{{Convert.ToBase64String(signer.PublicKey)}}}","signature":"{{{Convert.ToBase64String(signer.Sign(digest))}}}"}}""");
        return Encoding.UTF8.GetBytes(text.ToString());

        void Add(string line)
        {
            digest = SHA256.HashData([.. digest, .. Encoding.UTF8.GetBytes(line)]);
            text.Append(Convert.ToHexStringLower(digest)).Append(' ').Append(line).Append('\n');
        }
    }
}
