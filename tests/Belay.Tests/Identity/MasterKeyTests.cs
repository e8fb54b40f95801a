using System.Security.Cryptography;
using Belay.Identity;
using Belay.Testing;

namespace Belay.Tests.Identity;

public sealed class MasterKeyTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string File => Path.Combine(_directory.Path, MasterKey.FileName);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void LoadOrCreate_MakesOneKeyForTheOwnerOnly()
    {
        Assert.Null(MasterKey.TryLoad(_directory.Path));

        var box = MasterKey.LoadOrCreate(_directory.Path).Seal([1, 2], []);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(File));
        Assert.Equal([1, 2], MasterKey.LoadOrCreate(_directory.Path).Open(box, []));
        Assert.Equal([1, 2], MasterKey.TryLoad(_directory.Path)?.Open(box, []));
        Assert.Single(Directory.GetFiles(_directory.Path));
    }

    [Fact]
    public async Task LoadOrCreate_ManyAtOnce_AgreeOnOneKey()
    {
        var keys = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => MasterKey.LoadOrCreate(_directory.Path))));

        Assert.Single(keys.Select(key => Convert.ToHexString(key.Derive("same"))).Distinct());
        Assert.Single(Directory.GetFiles(_directory.Path));
    }

    [Fact]
    public void DirectoryThatCannotBeSynced_IsAnErrorThatNamesIt()
    {
        PrivateFile.SyncDirectory(_directory.Path);

        Assert.Contains("/none", Assert.Throws<IOException>(() => PrivateFile.SyncDirectory(_directory.Path + "/none")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TryLoad_ReadableByOthers_SaysWhatToDo()
    {
        MasterKey.LoadOrCreate(_directory.Path);
        System.IO.File.SetUnixFileMode(File, UnixFileMode.UserRead | UnixFileMode.GroupRead);

        Assert.Contains("chmod 600", Assert.Throws<InvalidDataException>(() => MasterKey.TryLoad(_directory.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TryLoad_WrongLength_IsRefused()
    {
        MasterKey.LoadOrCreate(_directory.Path);
        System.IO.File.WriteAllBytes(File, new byte[31]);

        Assert.Throws<InvalidDataException>(() => MasterKey.LoadOrCreate(_directory.Path));
        Assert.Throws<ArgumentException>(() => MasterKey.FromBytes(new byte[31]));
    }

    [Fact]
    public void Derive_DiffersByPurposeAndKey()
    {
        var (one, other) = (MasterKey.FromBytes(new byte[32]), MasterKey.FromBytes(RandomNumberGenerator.GetBytes(32)));

        Assert.Equal(one.Derive("a"), one.Derive("a"));
        Assert.NotEqual(one.Derive("a"), one.Derive("b"));
        Assert.NotEqual(one.Derive("a"), other.Derive("a"));
        Assert.ThrowsAny<CryptographicException>(() => other.Open(one.Seal([1], []), []));
    }
}
