using System.Text;
using Belay.Storage;

namespace Belay.Testing.Storage;

/// <summary>What every <see cref="IDocumentStore"/> does.</summary>
public abstract class DocumentStoreContract : IAsyncLifetime
{
    private static readonly Scope Ours = new("000000000000", "us-west-2");
    private static readonly Scope OtherAccount = new("111111111111", "us-west-2");
    private static readonly Scope OtherRegion = new("000000000000", "eu-west-1");

    protected IDocumentStore Store { get; private set; } = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => Store = await OpenAsync();

    public abstract ValueTask DisposeAsync();

    /// <summary>Opens an empty store.</summary>
    protected abstract Task<IDocumentStore> OpenAsync();

    /// <summary>Closes the store and opens what it kept.</summary>
    protected abstract Task<IDocumentStore> ReopenAsync();

    [Fact]
    public async Task Get_Missing_IsNull()
    {
        Assert.Null(await Store.GetAsync(Ours, Key("a"), Token));
    }

    [Fact]
    public async Task Write_ThenGet_GivesTheBytesAndEtags()
    {
        byte[] body = [0, 255, 1, 2, 0];

        Assert.True(await Write("a", body, expected: 0));
        var first = await Store.GetAsync(Ours, Key("a"), Token);
        Assert.True(await Write("a", [], expected: 1));
        var second = await Store.GetAsync(Ours, Key("a"), Token);

        Assert.Equal(1, first?.Etag);
        Assert.Equal(body, first?.Body.ToArray());
        Assert.Equal(2, second?.Etag);
        Assert.Equal(0, second?.Body.Length);
    }

    [Fact]
    public async Task Write_DoesNotKeepTheCallersArray()
    {
        byte[] body = [1];
        await Write("a", body);

        body[0] = 2;

        Assert.Equal([1], (await Store.GetAsync(Ours, Key("a"), Token))?.Body.ToArray());
    }

    [Theory]
    [InlineData(0L, false)]
    [InlineData(1L, true)]
    [InlineData(2L, false)]
    [InlineData(null, true)]
    public async Task Write_ExistingDocument_HoldsToTheExpectedEtag(long? expected, bool written)
    {
        await Write("a", [1]);

        Assert.Equal(written, await Write("a", [2], expected));
        Assert.Equal(written ? [2] : [1], (await Store.GetAsync(Ours, Key("a"), Token))?.Body.ToArray());
    }

    [Theory]
    [InlineData(0L, true)]
    [InlineData(1L, false)]
    [InlineData(null, true)]
    public async Task Write_MissingDocument_HoldsToTheExpectedEtag(long? expected, bool written)
    {
        Assert.Equal(written, await Write("a", [1], expected));
        Assert.Equal(written, await Store.GetAsync(Ours, Key("a"), Token) is not null);
    }

    [Fact]
    public async Task Write_OneEtagWrong_ChangesNothing()
    {
        await Write("a", [1]);

        var written = await Store.WriteAsync(
            Ours,
            [new(Key("new"), new byte[] { 1 }, 0), new(Key("a"), null, null), new(Key("other"), new byte[] { 1 }, 7)],
            Token);

        Assert.False(written);
        Assert.Null(await Store.GetAsync(Ours, Key("new"), Token));
        Assert.Equal(1, (await Store.GetAsync(Ours, Key("a"), Token))?.Etag);
    }

    [Fact]
    public async Task Delete_RemovesAndStartsEtagsAgain()
    {
        await Write("a", [1]);
        await Write("a", [2]);

        Assert.False(await Write("a", null, expected: 1));
        Assert.True(await Write("a", null, expected: 2));
        Assert.Null(await Store.GetAsync(Ours, Key("a"), Token));
        Assert.True(await Write("a", null));
        Assert.True(await Write("a", [3], expected: 0));
        Assert.Equal(1, (await Store.GetAsync(Ours, Key("a"), Token))?.Etag);
    }

    [Fact]
    public async Task Scopes_DoNotSeeEachOther()
    {
        await Write("a", [1]);

        foreach (var foreign in new[] { OtherAccount, OtherRegion })
        {
            Assert.Null(await Store.GetAsync(foreign, Key("a"), Token));
            Assert.Empty(await Store.ListAsync(foreign, "things", "", null, 10, Token));
            Assert.True(await Store.WriteAsync(foreign, [new(Key("a"), null, null)], Token));
            Assert.True(await Store.WriteAsync(foreign, [new(Key("b"), new byte[] { 9 }, 0)], Token));
        }

        Assert.NotNull(await Store.GetAsync(Ours, Key("a"), Token));
        Assert.Null(await Store.GetAsync(Ours, Key("b"), Token));
    }

    [Fact]
    public async Task ScopesAsync_NamesThoseThatHoldTheCollection()
    {
        await Write("a", [1]);
        await Store.WriteAsync(OtherAccount, [new(Key("a"), new byte[] { 1 }, 0), new(Key("b"), new byte[] { 1 }, 0)], Token);
        await Store.WriteAsync(OtherRegion, [new(new("elsewhere", "a"), new byte[] { 1 }, 0)], Token);

        Assert.Equal([Ours, OtherAccount], await Store.ScopesAsync("things", Token));
        Assert.Empty(await Store.ScopesAsync("nothing", Token));
    }

    [Fact]
    public async Task List_IsBytewiseOrderedAndPaged()
    {
        // U+FFFD sorts before U+1F600 in UTF-8 and after its surrogates in UTF-16.
        string[] sorted = ["A", "Z", "a", "a%", "a_", "aa", "ab", "b", "\u00e9", "\ufffd", "\U0001F600"];
        foreach (var id in sorted.Reverse())
        {
            await Write(id, Encoding.UTF8.GetBytes(id));
        }

        var pages = new List<string>();
        string? after = null;
        while (await Store.ListAsync(Ours, "things", "", after, 3, Token) is { Count: > 0 } page)
        {
            Assert.All(page, document => Assert.Equal(document.Key.Id, Encoding.UTF8.GetString(document.Body.Span)));
            pages.AddRange(page.Select(document => document.Key.Id));
            after = pages[^1];
        }

        Assert.Equal(sorted, pages);
    }

    [Fact]
    public async Task List_PrefixIsLiteral()
    {
        foreach (var id in new[] { "a", "a%b", "a_b", "axb", "b", "a\u00ffb" })
        {
            await Write(id, [1]);
        }

        Assert.Equal(["a%b"], await Ids("a%"));
        Assert.Equal(["a_b"], await Ids("a_"));
        Assert.Equal(["a", "a%b", "a_b", "axb", "a\u00ffb"], await Ids("a"));
        Assert.Equal(["axb", "a\u00ffb"], await Ids("a", after: "a_b"));
        Assert.Empty(await Ids("c"));
        Assert.Empty(await Ids("a", after: "b"));
    }

    [Theory]
    [InlineData("with\0nul")]
    [InlineData("'; DROP TABLE documents; --")]
    [InlineData("\r\n\t ")]
    [InlineData("\U0001F600\u202E")]
    public async Task Keys_AreOpaque(string id)
    {
        await Write(id, [1]);
        await Write(id + "\0", [2]);

        Assert.Equal([1], (await Store.GetAsync(Ours, Key(id), Token))?.Body.ToArray());
        Assert.Equal([id, id + "\0"], await Ids(""));
    }

    [Fact]
    public async Task Write_KeyThatCannotBeKept_IsRefused()
    {
        foreach (var id in new[] { "", new string('x', DocumentRules.MaxKeyLength + 1), "\ud800" })
        {
            await Assert.ThrowsAsync<ArgumentException>(() => Write(id, [1]));
        }

        Assert.True(await Write(new string('\uffff', DocumentRules.MaxKeyLength), [1]));
        await Assert.ThrowsAsync<ArgumentException>(() => Store.WriteAsync(Ours, [], Token));
        await Assert.ThrowsAsync<ArgumentException>(() => Store.WriteAsync(Ours, [new(Key("a"), null, null), new(Key("a"), new byte[] { 1 }, null)], Token));
    }

    [Fact]
    public async Task Write_ManyAtOnce_OneWinsPerEtag()
    {
        await Write("counter", [0]);

        var winners = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => Write("counter", [1], expected: 1)));

        Assert.Single(winners, true);
        Assert.Equal(2, (await Store.GetAsync(Ours, Key("counter"), Token))?.Etag);
    }

    [Fact]
    public async Task Cancelled_ChangesNothing()
    {
        var cancelled = new CancellationToken(canceled: true);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.WriteAsync(Ours, [new(Key("a"), new byte[] { 1 }, null)], cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.GetAsync(Ours, Key("a"), cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.ListAsync(Ours, "things", "", null, 1, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.ScopesAsync("things", cancelled));
        Assert.Null(await Store.GetAsync(Ours, Key("a"), Token));
    }

    [Fact]
    public async Task Reopen_KeepsEverything()
    {
        await Write("a", [1]);
        await Write("a", [2]);
        await Write("gone", [1]);
        await Write("gone", null);

        Store = await ReopenAsync();

        Assert.Equal(2, (await Store.GetAsync(Ours, Key("a"), Token))?.Etag);
        Assert.Equal(["a"], await Ids(""));
    }

    private static DocumentKey Key(string id) => new("things", id);

    private Task<bool> Write(string id, byte[]? body, long? expected = null) =>
        Store.WriteAsync(Ours, [new(Key(id), body is null ? (ReadOnlyMemory<byte>?)null : body, expected)], Token);

    private async Task<IEnumerable<string>> Ids(string prefix, string? after = null) =>
        (await Store.ListAsync(Ours, "things", prefix, after, 100, Token)).Select(document => document.Key.Id);
}
