using System.Formats.Tar;
using System.Text;
using Belay.Backups;
using Belay.Identity;
using Belay.Sessions;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Storage.Trees;
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
        // What a sandbox can make of a directory between the listing of its parent and its own.
        var outside = Path.Combine(_directory.Path, "elsewhere");
        Directory.CreateDirectory(Path.Combine(outside, "of the host"));
        File.WriteAllText(Path.Combine(outside, "file"), "a secret of the host");
        await FillAsync(sessions: 1);
        var swapped = Path.Combine(Source, "workspaces/agent/swapped");
        Directory.CreateDirectory(swapped);
        File.WriteAllText(Path.Combine(swapped, "file"), "its own");
        var names = new List<string>();

        foreach (var entry in BackupSource.Entries(Source))
        {
            using var content = entry.Content;
            names.Add(entry.Name);
            if (entry.Name == "workspaces/agent/swapped")
            {
                Directory.Delete(swapped, recursive: true);
                File.CreateSymbolicLink(swapped, outside);
            }
        }

        Assert.Contains("workspaces/agent/swapped", names);
        Assert.DoesNotContain(names, name => name.StartsWith("workspaces/agent/swapped/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task FileThatBecomesADirectory_IsLeftOut()
    {
        await FillAsync(sessions: 1);
        var one = Path.Combine(Source, "workspaces/one");
        Directory.CreateDirectory(one);
        File.WriteAllText(Path.Combine(one, "a"), "a");
        File.WriteAllText(Path.Combine(one, "b"), "b");
        var kinds = new Dictionary<string, TreeEntryKind>(StringComparer.Ordinal);

        foreach (var entry in BackupSource.Entries(Source))
        {
            using var content = entry.Content;
            kinds[entry.Name] = entry.Kind;
            if (entry.Name == "workspaces/one/a")
            {
                File.Delete(Path.Combine(one, "b"));
                Directory.CreateDirectory(Path.Combine(one, "b"));
            }
        }

        Assert.Equal(TreeEntryKind.LeftOut, kinds["workspaces/one/b"]);
    }

    [Theory]
    [InlineData("a\nb")]
    [InlineData("a\n26 path=master.key.other\nb")]
    [InlineData("a=b")]
    [InlineData(" a ")]
    [InlineData("a\\b")]
    [InlineData("%41")]
    [InlineData("\u00e4\u20ac\U0001F600")]
    [InlineData("-rf *")]
    public async Task NamesThatASandboxChooses_ComeBack(string name)
    {
        await FillAsync(sessions: 1);
        var one = Path.Combine(Source, "workspaces/agent/one");
        Directory.CreateDirectory(Path.Combine(one, name));
        File.WriteAllText(Path.Combine(one, name, name), name);
        File.CreateSymbolicLink(Path.Combine(one, "link"), name);

        await RestoreAsync(await WriteAsync());

        var restored = Path.Combine(Target, "workspaces/agent/one");
        Assert.Equal(name, File.ReadAllText(Path.Combine(restored, name, name)));
        Assert.Equal(name, new FileInfo(Path.Combine(restored, "link")).LinkTarget);
        Assert.Equal(["link", name], Directory.EnumerateFileSystemEntries(restored).Select(path => path[(restored.Length + 1)..]).OrderBy(found => found != "link"));
    }

    [Fact]
    public async Task NamesThatAreNoText_AreLeftOut_AndSpoilNothing()
    {
        await FillAsync(sessions: 1);
        var one = Path.Combine(Source, "workspaces");
        Directory.CreateDirectory(one);
        File.WriteAllText(Path.Combine(one, "\uFFFD"), "text");
        using (var made = System.Diagnostics.Process.Start("sh", ["-c", "printf 1 > \"$1/$(printf '\\377')\"; mkdir \"$1/$(printf '\\376')\"", "sh", one]))
        {
            await made.WaitForExitAsync(CancellationToken);
        }

        Assert.Equal(3, Directory.EnumerateFileSystemEntries(one).Count());

        var archive = await WriteAsync();
        using var removed = System.Diagnostics.Process.Start("rm", ["-rf", one]);
        await removed.WaitForExitAsync(CancellationToken);
        var restored = await RestoreAsync(archive);

        Assert.Equal(3, restored.Content.LeftOut);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(Target, "workspaces")));
    }

    [Fact]
    public async Task PathsTooLongToRestore_AreLeftOut()
    {
        await FillAsync(sessions: 1);
        using (var made = System.Diagnostics.Process.Start("sh", ["-c", "mkdir \"$1\" && cd \"$1\" && i=0; while [ $i -lt 40 ]; do n=$(printf %0200d 1); mkdir $n && cd -P $n; i=$((i+1)); done", "sh", Path.Combine(Source, "workspaces")]))
        {
            await made.WaitForExitAsync(CancellationToken);
        }

        var archive = await WriteAsync();
        using var removed = System.Diagnostics.Process.Start("rm", ["-rf", Path.Combine(Source, "workspaces")]);
        await removed.WaitForExitAsync(CancellationToken);

        Assert.Equal(1, (await RestoreAsync(archive)).Content.LeftOut);
    }

    [Fact]
    public async Task Holes_TakeNoRoom_AndComeBack()
    {
        await FillAsync(sessions: 1);
        var one = Path.Combine(Source, "workspaces");
        Directory.CreateDirectory(one);
        foreach (var (name, length) in new[] { ("holes", 100L << 30), ("only", 5L << 20), ("long", 2L << 40) })
        {
            using var file = File.OpenHandle(Path.Combine(one, name), FileMode.CreateNew, FileAccess.Write);
            RandomAccess.SetLength(file, length);
            if (name == "holes")
            {
                RandomAccess.Write(file, "begin"u8, 1L << 30);
                RandomAccess.Write(file, "end"u8, length - 3);
            }
        }

        var archive = await WriteAsync();
        var restored = await RestoreAsync(archive);

        Assert.InRange(archive.Length, 0, 5 << 20);
        Assert.Equal(1, restored.Content.LeftOut);
        using var back = File.OpenHandle(Path.Combine(Target, "workspaces/holes"));
        var (begin, end) = (new byte[5], new byte[3]);
        RandomAccess.Read(back, begin, 1L << 30);
        RandomAccess.Read(back, end, (100L << 30) - 3);
        Assert.Equal(("begin", "end"), (Encoding.ASCII.GetString(begin), Encoding.ASCII.GetString(end)));
        Assert.Equal(100L << 30, RandomAccess.GetLength(back));
        Assert.InRange(Extents.Of(back)!.Stored, 8, 1 << 20);
        Assert.Equal(5L << 20, new FileInfo(Path.Combine(Target, "workspaces/only")).Length);
    }

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("10 0 4 2 1")]
    [InlineData("10 8 5")]
    [InlineData("10 5")]
    [InlineData("-1 0 5")]
    [InlineData("9223372036854775807 0 5")]
    public void ExtentsThatCannotBe_AreNone(string text) => Assert.Null(Extents.Parse(text, 5));

    [Fact]
    public async Task DirectoryReachedThroughALink_IsBackedUpAll()
    {
        await FillAsync(sessions: 1);
        var alias = Path.Combine(_directory.Path, "alias");
        File.CreateSymbolicLink(alias, Source);

        var archive = await WriteAsync(alias);
        File.Delete(alias);

        Assert.Equal(1, (await RestoreAsync(archive)).Sessions);
    }

    [Fact]
    public async Task DirectoryOverALink_IsRefused()
    {
        var outside = Path.Combine(_directory.Path, "outside");
        Directory.CreateDirectory(outside);
        var before = File.GetUnixFileMode(outside);
        var archive = await ArchiveStreamTests.SealAsync(Tar(tar =>
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "link") { LinkName = outside });
            tar.WriteEntry(new PaxTarEntry(TarEntryType.Directory, "link") { Mode = UnixFileMode.None });
        }));

        var refusal = await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(archive));

        Assert.Contains("twice", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.GetUnixFileMode(outside));
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
    [InlineData("a/%2E%2E/%2e%2e/outside")]
    [InlineData("..%2Foutside")]
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

    private async Task<byte[]> WriteAsync(string? directory = null)
    {
        await using var database = SqliteDatabase.Open(directory ?? Source, new StorageSettings(), _time);
        using var output = new MemoryStream();
        await new BackupWriter(database, directory ?? Source, _time, IdSource.System).WriteAsync(output, Passphrase, progress: null, CancellationToken);
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
