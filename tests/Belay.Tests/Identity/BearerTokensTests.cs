using Belay.Contracts.Faults;
using Belay.Identity;
using Belay.Server.Auth;
using Belay.Server.Wire;
using Belay.Storage;
using Belay.Testing;
using Belay.Testing.Storage;

namespace Belay.Tests.Identity;

public sealed class BearerTokensTests : IDisposable
{
    private const string Account = "123456789012";
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private readonly TemporaryDirectory _directory = new();
    private readonly ManualTime _time = new();
    private readonly InMemoryDocumentStore _store = new();
    private readonly AccessKeys _keys;
    private readonly AccessKey _key;
    private readonly BearerTokens _tokens;

    public BearerTokensTests()
    {
        _keys = AccessKeys.Open(_directory.Path, MasterKey.LoadOrCreate(_directory.Path), _time, IdSource.System);
        _key = _keys.Create(Account, null);
        _tokens = new BearerTokens(_store, _keys, _time, IdSource.System);
    }

    private static CancellationToken None => CancellationToken.None;

    private Scope Mine { get; } = new(Account, "eu-west-1");

    public void Dispose()
    {
        _tokens.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Token_IsFoundByItsText_AndEndsAtItsTime()
    {
        var (token, text) = await MakeAsync("one");

        Assert.Equal((token, Account), await _tokens.FindAsync(text, None));
        Assert.Equal("eu-west-1", token.Region);
        _time.Advance(Hour - TimeSpan.FromMilliseconds(1));
        Assert.NotNull(await _tokens.FindAsync(text, None));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Null(await _tokens.FindAsync(text, None));
        Assert.Empty(await _tokens.ListAsync(Account, None));
        Assert.False(await _tokens.DeleteAsync(Account, token.TokenId, None));
    }

    [Fact]
    public async Task Store_HoldsTheHashAndNotTheToken()
    {
        var (token, text) = await MakeAsync("one");

        var document = Assert.Single(await _store.ListAsync(new Scope(Account, "global"), "tokens", "", null, 10, None));
        var body = System.Text.Encoding.UTF8.GetString(document.Body.Span);
        Assert.Contains(BearerTokens.HashOf(text), body, StringComparison.Ordinal);
        Assert.DoesNotContain(text[^43..], body, StringComparison.Ordinal);
        Assert.DoesNotContain(text[^43..], token.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnotherAccount_SeesAndRevokesNothing()
    {
        var (token, text) = await MakeAsync("one");

        Assert.Empty(await _tokens.ListAsync("210987654321", None));
        Assert.False(await _tokens.DeleteAsync("210987654321", token.TokenId, None));
        Assert.Null(await _tokens.FindAsync(text.Replace(Account, "210987654321", StringComparison.Ordinal), None));
        Assert.NotNull(await _tokens.FindAsync(text, None));
    }

    [Fact]
    public async Task KeyThatIsGone_TakesItsTokensWithIt_AndOthersStay()
    {
        var second = _keys.Create(Account, null);
        var (_, ofFirst) = await MakeAsync("one");
        var (kept, ofSecond) = await _tokens.CreateAsync(Mine, second.Id, "two", Hour, None);
        Assert.Equal(KeyDeletion.Deleted, _keys.DeleteUnlessLast(_key.Id));

        Assert.Null(await _tokens.FindAsync(ofFirst, None));
        Assert.NotNull(await _tokens.FindAsync(ofSecond, None));
        Assert.Equal([kept], await _tokens.ListAsync(Account, None));
        Assert.Equal(KeyDeletion.LastOfAccount, _keys.DeleteUnlessLast(second.Id));
        Assert.Equal(KeyDeletion.NotFound, _keys.DeleteUnlessLast(_key.Id));
    }

    [Fact]
    public async Task Limit_HoldsWhenManyAreMadeAtOnce_AndThoseThatAreOverDoNotCount()
    {
        var made = await Task.WhenAll(Enumerable.Range(0, BearerTokens.MaxPerAccount + 5).Select(async number =>
        {
            await Task.Yield();
            try
            {
                await MakeAsync($"{number}");
                return true;
            }
            catch (ServiceException fault) when (fault.Code == FaultCode.ServiceQuotaExceededException)
            {
                return false;
            }
        }));

        Assert.Equal(BearerTokens.MaxPerAccount, made.Count(done => done));
        _time.Advance(Hour);
        await MakeAsync("later");
        Assert.Single(await _store.ListAsync(new Scope(Account, "global"), "tokens", "", null, 1000, None));
    }

    [Fact]
    public void Ticket_EndsAfterThirtySeconds_AndIsBoundedAndCleared()
    {
        var tickets = new Tickets(_time, IdSource.System);
        var caller = new Caller(Mine, _key.Id);
        var (first, expires) = tickets.Create(caller);
        Assert.Equal(_time.GetUtcNow() + TimeSpan.FromSeconds(30), expires);
        _time.Advance(TimeSpan.FromSeconds(29));
        for (var number = 1; number < Tickets.MaxPerAccount; number++)
        {
            tickets.Create(caller);
        }

        Assert.Equal(FaultCode.ThrottlingException, Assert.Throws<ServiceException>(() => tickets.Create(caller)).Code);
        tickets.Create(caller with { Scope = new Scope("210987654321", "eu-west-1") });

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(tickets.Take(first));
        Assert.Equal(Tickets.MaxPerAccount, tickets.Count);
        var (last, _) = tickets.Create(caller);
        Assert.Equal(caller with { ByTicket = true }, tickets.Take(last));
        Assert.Null(tickets.Take(last));
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Null(tickets.Take(last));
        Assert.Equal(0, tickets.Count);
    }

    private Task<(BearerToken Token, string Text)> MakeAsync(string name) => _tokens.CreateAsync(Mine, _key.Id, name, Hour, None);
}
