using System.Text;
using Belay.Identity;
using Belay.Storage;
using Belay.Testing;

namespace Belay.Tests.Identity;

public sealed class AccessKeysTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("belay-keys-").FullName;
    private readonly ManualTime _time = new();

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void FirstStart_MakesOneKey_AndOnlyTheFirst()
    {
        var keys = Open();
        keys.EnsureFirst("000000000000");
        keys.EnsureFirst("000000000000");
        var key = Assert.Single(keys.List());

        Assert.Matches("^BELAY[A-Z2-7]{15}$", key.Id);
        Assert.Matches("^[A-Za-z0-9]{40}$", key.Secret);
        Assert.Equal(("000000000000", "default"), (key.Account, key.Description));
        Assert.True(keys.Delete(key.Id));
        Open().EnsureFirst("000000000000");
        Assert.Empty(Open().List());
    }

    [Fact]
    public void Keys_SurviveAndAreSealed()
    {
        var made = Open().Create("123456789012", "for tests");

        Assert.Equal(made, Assert.Single(Open().List()));
        var path = Path.Combine(_directory, AccessKeys.FileName);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        var stored = Encoding.Latin1.GetString(File.ReadAllBytes(path));
        Assert.DoesNotContain(made.Secret, stored, StringComparison.Ordinal);
        Assert.DoesNotContain(made.Id, stored, StringComparison.Ordinal);
        Assert.DoesNotContain(made.Secret, $"{made}", StringComparison.Ordinal);
    }

    [Fact]
    public void ChangeByAnotherProcess_IsSeenWithinASecond()
    {
        var here = Open();
        var made = Open().Create("123456789012", null);

        Assert.False(here.TryFind(made.Id, out _));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(here.TryFind(made.Id, out var found));
        Assert.Equal(made, found);

        Open().Delete(made.Id);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(here.TryFind(made.Id, out _));
    }

    [Fact]
    public async Task ConcurrentChanges_AreAllKept()
    {
        MasterKey.LoadOrCreate(_directory);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Open().Create("123456789012", null))));

        Assert.Equal(8, Open().List().Count);
    }

    [Fact]
    public void DamagedFile_IsRefusedWithItsName()
    {
        Open().Create("123456789012", null);
        var path = Path.Combine(_directory, AccessKeys.FileName);
        var bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);

        Assert.Contains(path, Assert.Throws<InvalidDataException>(Open).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("12345678901")]
    [InlineData("12345678901x")]
    public void AccountThatIsNone_IsRefused(string account) => Assert.Throws<ArgumentException>(() => Open().Create(account, null));

    private AccessKeys Open() => AccessKeys.Open(_directory, MasterKey.LoadOrCreate(_directory), _time, IdSource.System);
}
