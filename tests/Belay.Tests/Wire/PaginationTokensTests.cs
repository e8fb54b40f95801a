using Belay.Contracts.Faults;
using Belay.Identity;
using Belay.Server.Wire;
using Belay.Storage;
using Belay.Testing;

namespace Belay.Tests.Wire;

public sealed class PaginationTokensTests : IDisposable
{
    private static readonly Scope Here = new("123456789012", "us-west-2");
    private readonly string _directory = Directory.CreateTempSubdirectory("belay-pages-").FullName;
    private readonly ManualTime _time = new();
    private readonly PaginationTokens _tokens;

    public PaginationTokensTests() => _tokens = new PaginationTokens(MasterKey.LoadOrCreate(_directory), _time);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Token_GivesItsPositionBack()
    {
        var token = _tokens.Issue(Here, "ListHarnesses", "", "2026-07-07/ü/abc");

        Assert.Equal("2026-07-07/ü/abc", _tokens.Read(Here, "ListHarnesses", "", token));
        Assert.Matches(@"^\S{1,2048}$", token);
    }

    [Fact]
    public void TokenOfAnotherList_IsRefused()
    {
        var token = _tokens.Issue(Here, "ListHarnesses", "p", "x");

        Assert.All(
            new Action[]
            {
                () => _tokens.Read(Here with { Account = "210987654321" }, "ListHarnesses", "p", token),
                () => _tokens.Read(Here with { Region = "eu-west-1" }, "ListHarnesses", "p", token),
                () => _tokens.Read(Here, "ListHarnessVersions", "p", token),
                () => _tokens.Read(Here, "ListHarnesses", "q", token),
                () => _tokens.Read(Here, "ListHarnessesp", "", token),
            },
            Refused);
    }

    [Fact]
    public void ChangedToken_IsRefused()
    {
        var token = _tokens.Issue(Here, "ListHarnesses", "", "position");
        for (var i = 0; i < token.Length; i++)
        {
            var changed = token.ToCharArray();
            changed[i] = changed[i] == 'A' ? 'B' : 'A';
            Refused(() => _tokens.Read(Here, "ListHarnesses", "", new string(changed)));
        }

        foreach (var other in new[] { "", "x", "!!", token + "A", token[..^4], new string('A', 4000) })
        {
            Refused(() => _tokens.Read(Here, "ListHarnesses", "", other));
        }
    }

    [Fact]
    public void Token_LivesADay()
    {
        var token = _tokens.Issue(Here, "ListHarnesses", "", "x");
        _time.Advance(PaginationTokens.Lifetime);
        Assert.Equal("x", _tokens.Read(Here, "ListHarnesses", "", token));

        _time.Advance(TimeSpan.FromSeconds(1));

        Refused(() => _tokens.Read(Here, "ListHarnesses", "", token));
    }

    private static void Refused(Action read) => Assert.Equal("nextToken", Assert.Throws<ServiceException>(read).Fields.Single().Name);
}
