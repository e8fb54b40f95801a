using System.Formats.Tar;
using System.Text;
using Belay.Backups;
using Belay.Identity;
using Belay.Sessions;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Testing;

namespace Belay.Tests.Backups;

/// <summary>From one data directory to an archive, and from the archive to another one.</summary>
public sealed class BackupTests : IDisposable
{
    private const string Passphrase = "correct horse battery";
    private static readonly SessionKey Session = new(new Scope("000000000000", "us-west-2"), "agent-0123456789", "session-00000000000000000000000000001");

    private readonly TemporaryDirectory _directory = new();
    private readonly ManualTime _time = new();

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    private string Source => Path.Combine(_directory.Path, "source");

    private string Target => Path.Combine(_directory.Path, "target");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task EverythingThatIsKept_ComesBack()
    {
        var archive = await BackUpAsync(sessions: 3);

        var restored = await RestoreAsync(archive);

        Assert.Equal(3, restored.Sessions);
        Assert.Equal(_time.GetUtcNow(), restored.CreatedAt);
        Assert.Equal("hello", File.ReadAllText(Path.Combine(Target, "workspaces/agent/one/a.txt")));
        Assert.Equal("../../../etc/passwd", new FileInfo(Path.Combine(Target, "workspaces/agent/one/link")).LinkTarget);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Combine(Target, "workspaces/agent/one/closed")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Combine(Target, "workspaces/agent/one/run.sh")));
        Assert.Equal(File.ReadAllBytes(Path.Combine(Source, MasterKey.FileName)), File.ReadAllBytes(Path.Combine(Target, MasterKey.FileName)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(Target, MasterKey.FileName)));
        Assert.False(Path.Exists(Path.Combine(Target, "sandboxes")));
        Assert.Equal(["target", "source"], Directory.EnumerateDirectories(_directory.Path).Select(Path.GetFileName).OrderDescending(StringComparer.Ordinal));
        Assert.Equal(["entry 1", "entry 2"], await TextsAsync(Target, Session with { SessionId = Session.SessionId + "0" }));
    }

    [Fact]
    public async Task WhatLeadsOutOfTheDirectory_IsNotRead()
    {
        var secret = Path.Combine(_directory.Path, "secret");
        File.WriteAllText(secret, "a secret of the host");
        Directory.CreateDirectory(Path.Combine(_directory.Path, "elsewhere"));
        File.WriteAllText(Path.Combine(_directory.Path, "elsewhere", "file"), "a secret of the host");
        var link = Path.Combine(_directory.Path, "through");
        File.CreateSymbolicLink(link, Path.Combine(_directory.Path, "elsewhere"));
        var alias = Path.Combine(_directory.Path, "alias");
        File.CreateSymbolicLink(alias, secret);

        using var direct = BackupSource.Open(secret);
        using var followed = BackupSource.Open(alias);
        using var through = BackupSource.Open(Path.Combine(link, "file"));
        using var missing = BackupSource.Open(Path.Combine(_directory.Path, "missing"));
        using var folder = BackupSource.Open(_directory.Path);

        Assert.NotNull(direct);
        Assert.Null(followed);
        Assert.Null(through);
        Assert.Null(missing);
        await Task.CompletedTask;
    }

    [Fact]
    public async Task DirectoryThatIsNotEmpty_IsRefused_AndKept()
    {
        var archive = await BackUpAsync(sessions: 1);
        Directory.CreateDirectory(Target);
        File.WriteAllText(Path.Combine(Target, "mine"), "mine");

        var refusal = await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(archive));

        Assert.Contains("is not empty", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Target, "mine")));
    }

    [Fact]
    public async Task DirectoryOfARunningServer_IsRefused()
    {
        var archive = await BackUpAsync(sessions: 1);
        await using var held = SqliteDatabase.Open(Target, new StorageSettings(), _time);

        var refusal = await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(archive));

        Assert.Contains($"is in use by the Belay process with id {Environment.ProcessId}", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task EmptyDirectory_IsTaken()
    {
        var archive = await BackUpAsync(sessions: 1);
        Directory.CreateDirectory(Target);

        Assert.Equal(1, (await RestoreAsync(archive)).Sessions);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(-1)]
    public async Task ArchiveThatIsNotWhole_LeavesNothing(int length)
    {
        var archive = await BackUpAsync(sessions: 1);

        await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(archive[..(length < 0 ? archive.Length + length : length)]));

        Assert.Equal(["source"], Directory.EnumerateFileSystemEntries(_directory.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task WhatAKilledRestoreLeft_DoesNotStandInTheWay()
    {
        var archive = await BackUpAsync(sessions: 1);
        Directory.CreateDirectory(Target + ".restoring/data/workspaces");
        File.WriteAllText(Target + ".restoring/data/belay.db", "half");

        Assert.Equal(1, (await RestoreAsync(archive)).Sessions);
        Assert.False(Directory.Exists(Target + ".restoring"));
    }

    [Fact]
    public async Task JournalThatDoesNotVerify_IsRefused_AndLeavesNothing()
    {
        await FillAsync(sessions: 1);
        using (var connection = SqliteConnection.Open(Path.Combine(Source, SqliteDatabase.FileName)))
        {
            connection.Execute("UPDATE entries SET body = zeroblob(length(body)) WHERE sequence = 2");
        }

        var archive = await WriteAsync();
        var refusal = await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(archive));

        Assert.Contains("does not verify: Entry 2 of session", refusal.Message, StringComparison.Ordinal);
        Assert.False(Path.Exists(Target));
    }

    [Theory]
    [InlineData("../outside")]
    [InlineData("/outside")]
    [InlineData("a/../../outside")]
    [InlineData("link/outside")]
    [InlineData("nowhere/outside")]
    public async Task NamesThatLeadElsewhere_AreRefused(string name)
    {
        var archive = await ArchiveStreamTests.SealAsync(Tar(tar =>
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "link") { LinkName = _directory.Path });
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream([1]) });
        }));

        var refusal = await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(archive));

        Assert.Contains("leads elsewhere", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory.Path));
    }

    [Theory]
    [InlineData(TarEntryType.Fifo)]
    [InlineData(TarEntryType.HardLink)]
    public async Task OtherKindsOfEntries_AreRefused(TarEntryType kind)
    {
        var archive = await ArchiveStreamTests.SealAsync(Tar(tar =>
        {
            var entry = new PaxTarEntry(kind, "odd");
            if (kind == TarEntryType.HardLink)
            {
                entry.LinkName = "/etc/passwd";
            }

            tar.WriteEntry(entry);
        }));

        await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(archive));
    }

    [Theory]
    [InlineData("")]
    [InlineData("not a tar")]
    public async Task SealedGarbage_IsRefusedInWords(string content)
    {
        var archive = await ArchiveStreamTests.SealAsync(Encoding.UTF8.GetBytes(content));

        await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(archive));
    }

    private static byte[] Tar(Action<TarWriter> write)
    {
        using var bytes = new MemoryStream();
        using (var tar = new TarWriter(bytes, TarEntryFormat.Pax, leaveOpen: true))
        {
            write(tar);
        }

        return bytes.ToArray();
    }

    private async Task<byte[]> BackUpAsync(int sessions)
    {
        await FillAsync(sessions);
        var one = Path.Combine(Source, "workspaces/agent/one");
        Directory.CreateDirectory(one);
        File.WriteAllText(Path.Combine(one, "a.txt"), "hello");
        File.WriteAllText(Path.Combine(one, "run.sh"), "#!/bin/sh\n");
        File.SetUnixFileMode(Path.Combine(one, "run.sh"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.SetUser);
        File.CreateSymbolicLink(Path.Combine(one, "link"), "../../../etc/passwd");
        Directory.CreateDirectory(Path.Combine(one, "closed", "inner"));
        File.SetUnixFileMode(Path.Combine(one, "closed"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Directory.CreateDirectory(Path.Combine(Source, "sandboxes", "process"));
        Directory.CreateDirectory(Path.Combine(Source, "backup-of-a-server-that-died"));
        var archive = await WriteAsync();
        Assert.Empty(Directory.EnumerateDirectories(Source, "backup-*"));
        return archive;
    }

    private async Task FillAsync(int sessions)
    {
        await using var database = SqliteDatabase.Open(Source, new StorageSettings(), _time);
        var journal = new SqliteJournal(database, _time);
        var sealer = new Sealer(MasterKey.LoadOrCreate(Source), new SqliteDocumentStore(database), IdSource.System, new SealerSettings());
        for (var number = 0; number < sessions; number++)
        {
            await using var open = await SessionJournal.OpenAsync(journal, sealer, _time, Session with { SessionId = $"{Session.SessionId}{number}" }, "test", CancellationToken);
            await open.FixActorAsync("ann", CancellationToken);
            await open.AppendAsync([new CommandIntent("1", "entry 1", 1)], Durability.Synced, CancellationToken);
            await open.AppendAsync([new CommandIntent("2", "entry 2", 1)], Durability.Synced, CancellationToken);
        }
    }

    private async Task<byte[]> WriteAsync()
    {
        await using var database = SqliteDatabase.Open(Source, new StorageSettings(), _time);
        using var output = new MemoryStream();
        await new BackupWriter(database, Source, _time, IdSource.System).WriteAsync(output, Passphrase, progress: null, CancellationToken);
        return output.ToArray();
    }

    private async Task<RestoredBackup> RestoreAsync(byte[] archive)
    {
        using var input = new MemoryStream(archive);
        return await new BackupRestore(Target, _time, IdSource.System).RunAsync(input, Passphrase, progress: null, CancellationToken);
    }

    private async Task<List<string>> TextsAsync(string directory, SessionKey session)
    {
        await using var database = SqliteDatabase.Open(directory, new StorageSettings(), _time);
        var sealer = new Sealer(MasterKey.TryLoad(directory)!, new SqliteDocumentStore(database), IdSource.System, new SealerSettings());
        var texts = new List<string>();
        await foreach (var entry in SessionJournal.ReadAsync(new SqliteJournal(database, _time), sealer, session, 0, CancellationToken))
        {
            texts.Add(((CommandIntent)entry.Body).Command);
        }

        return texts;
    }
}
