using Belay.Backups;

namespace Belay.Tests.Backups;

/// <summary>The seal of an archive: what was changed, cut off, moved or added is never read as content.</summary>
public sealed class ArchiveStreamTests
{
    private const string Passphrase = "correct horse battery";

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(ArchiveChunk.MaxPlain - 1)]
    [InlineData(ArchiveChunk.MaxPlain)]
    [InlineData(ArchiveChunk.MaxPlain + 1)]
    [InlineData(3 * ArchiveChunk.MaxPlain)]
    public async Task WhatWasWritten_IsRead(int length)
    {
        var plain = Plain(length);

        Assert.Equal(plain, await OpenAsync(await SealAsync(plain), Passphrase));
    }

    [Fact]
    public async Task TwoArchivesOfTheSame_HaveNothingInCommon()
    {
        var plain = Plain(1000);
        var (one, other) = (await SealAsync(plain), await SealAsync(plain));

        Assert.False(one.AsSpan(ArchiveHeader.Length).SequenceEqual(other.AsSpan(ArchiveHeader.Length)));
        Assert.Equal(-1, one.AsSpan().IndexOf(plain.AsSpan(0, 16)));
    }

    [Fact]
    public async Task Truncation_IsRefused_WhereverItCuts()
    {
        var whole = await SealAsync(Plain(2 * ArchiveChunk.MaxPlain + 10));
        var chunk = ArchiveChunk.PrefixBytes + ArchiveChunk.MaxPlain + ArchiveChunk.TagBytes;
        foreach (var length in new[] { 0, ArchiveHeader.Length - 1, ArchiveHeader.Length, ArchiveHeader.Length + chunk - 1, ArchiveHeader.Length + chunk, whole.Length - 1 })
        {
            await Assert.ThrowsAsync<BackupException>(() => OpenAsync(whole[..length], Passphrase));
        }
    }

    [Fact]
    public async Task ChangedByte_IsRefused_WhereverItStands()
    {
        var whole = await SealAsync(Plain(40));

        // Name, salt, length and last flag of the chunk, ciphertext, tag. Making the key takes most of each try.
        foreach (var at in new[] { 0, 8, ArchiveHeader.Length, ArchiveHeader.Length + 3, ArchiveHeader.Length + ArchiveChunk.PrefixBytes, whole.Length - 1 })
        {
            var changed = whole.ToArray();
            changed[at] ^= 0x40;
            await Assert.ThrowsAsync<BackupException>(() => OpenAsync(changed, Passphrase));
        }
    }

    [Theory]
    [InlineData(0x00, 0x00, 0x00, 0x01)]
    [InlineData(0x7f, 0xff, 0xff, 0xff)]
    [InlineData(0xff, 0xff, 0xff, 0xff)]
    public async Task RoundsThatBelayDoesNotWrite_AreRefusedBeforeTheyAreRun(byte a, byte b, byte c, byte d)
    {
        var whole = await SealAsync(Plain(40));
        byte[] rounds = [a, b, c, d];
        rounds.CopyTo(whole, 24);

        await Assert.ThrowsAsync<BackupException>(() => OpenAsync(whole, Passphrase));
    }

    [Fact]
    public async Task ChunksThatWereSwappedDoubledOrAdded_AreRefused()
    {
        var whole = await SealAsync(Plain(2 * ArchiveChunk.MaxPlain + 10));
        var size = ArchiveChunk.PrefixBytes + ArchiveChunk.MaxPlain + ArchiveChunk.TagBytes;
        var (header, first, second, last) = (whole[..ArchiveHeader.Length], whole[ArchiveHeader.Length..(ArchiveHeader.Length + size)], whole[(ArchiveHeader.Length + size)..(ArchiveHeader.Length + 2 * size)], whole[(ArchiveHeader.Length + 2 * size)..]);
        byte[][] wrong = [[.. header, .. second, .. first, .. last], [.. header, .. first, .. first, .. second, .. last], [.. header, .. first, .. last], [.. whole, 0], [.. whole, .. last]];
        foreach (var archive in wrong)
        {
            await Assert.ThrowsAsync<BackupException>(() => OpenAsync(archive, Passphrase));
        }
    }

    [Fact]
    public async Task WrongPassphrase_IsSaid()
    {
        var refusal = await Assert.ThrowsAsync<BackupException>(async () => await OpenAsync(await SealAsync(Plain(10)), "another passphrase"));

        Assert.Equal("The passphrase is wrong, or the archive was changed.", refusal.Message);
    }

    [Theory]
    [InlineData("PK.. something else altogether, long enough", "The file is no backup of Belay.")]
    [InlineData("BELAYBK2 something else altogether, long enough", "The archive was written by a newer version of Belay.")]
    public async Task OtherFiles_AreNamed(string content, string message)
    {
        var refusal = await Assert.ThrowsAsync<BackupException>(() => OpenAsync(System.Text.Encoding.ASCII.GetBytes(content), Passphrase));

        Assert.Equal(message, refusal.Message);
    }

    internal static async Task<byte[]> SealAsync(byte[] plain)
    {
        using var output = new MemoryStream();
        await using var archive = await ArchiveWriteStream.BeginAsync(output, Passphrase, CancellationToken);
        for (var at = 0; at < plain.Length; at += 50_000)
        {
            await archive.WriteAsync(plain.AsMemory(at, Math.Min(50_000, plain.Length - at)), CancellationToken);
        }

        await archive.FinishAsync(CancellationToken);
        return output.ToArray();
    }

    private static async Task<byte[]> OpenAsync(byte[] archive, string passphrase)
    {
        using var input = new MemoryStream(archive);
        await using var content = await ArchiveReadStream.BeginAsync(input, passphrase, CancellationToken);
        using var plain = new MemoryStream();
        await content.CopyToAsync(plain, CancellationToken);
        await content.FinishAsync(CancellationToken);
        return plain.ToArray();
    }

    private static byte[] Plain(int length) => [.. Enumerable.Range(0, length).Select(at => (byte)(at * 31 + at / 251))];
}
