using Belay.Sandboxes;
using Belay.Sandboxes.Snapshots;
using Belay.Sessions;
using Belay.Storage;
using Belay.Testing;
using Belay.Testing.Sessions;

namespace Belay.Tests.Sandboxes;

/// <summary>Files of a session that are saved, and those that a fork begins with.</summary>
public sealed class WorkspaceSnapshotsTests : IDisposable
{
    private static readonly SessionKey Parent = new(EngineWorld.Scope, "test-AAAAAAAAAA", EngineWorld.SessionId);
    private static readonly SessionKey Fork = Parent with { SessionId = "fork-00000000000000000000000000000001" };

    private readonly TemporaryDirectory _data = new();
    private readonly RecordingLogger _log = new();
    private readonly ManualTime _time = new();

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _data.Dispose();
        _log.Dispose();
    }

    [Fact]
    public async Task Fork_HasTheFilesThatWereSavedLastBeforeItsEntry()
    {
        var snapshots = New();
        Write(Parent, "notes.txt", "one");
        Write(Parent, "src/deep/a.sh", "#!", UnixFileMode.UserRead | UnixFileMode.UserExecute);
        File.CreateSymbolicLink(Path.Combine(Workspace(Parent), "link"), "/etc/passwd");
        File.WriteAllText(Directory.CreateDirectory(Storage(Parent)).FullName + "/kept", "kept");
        Assert.Equal(new WorkspaceSaved("10", 3, 9), await snapshots.SaveAsync(Parent, 10, CancellationToken));
        Write(Parent, "notes.txt", "later");
        Assert.Equal("20", (await snapshots.SaveAsync(Parent, 20, CancellationToken))!.Id);

        var files = await RestoreAsync(snapshots, 19);

        Assert.Equal(new SavedFiles(10, _time.GetUtcNow(), 3, 9), files);
        Assert.Equal("one", Read(Fork, "notes.txt"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Combine(Workspace(Fork), "src/deep/a.sh")));
        Assert.Equal("/etc/passwd", new FileInfo(Path.Combine(Workspace(Fork), "link")).LinkTarget);
        Assert.Equal("kept", File.ReadAllText(Path.Combine(Storage(Fork), "kept")));

        // Each goes on alone; a fork of the fork begins as the fork did.
        Write(Fork, "notes.txt", "mine");
        Assert.Equal("later", Read(Parent, "notes.txt"));
        var second = Fork with { SessionId = Fork.SessionId.Replace('1', '2') };
        Assert.Equal(1, (await snapshots.RestoreAsync(Fork, 5, second, _ => Task.CompletedTask, CancellationToken))!.Sequence);
        Assert.Equal("one", Read(second, "notes.txt"));
    }

    [Fact]
    public async Task NothingBefore_BeginsEmpty()
    {
        var snapshots = New();
        Write(Parent, "notes.txt", "one");
        await snapshots.SaveAsync(Parent, 10, CancellationToken);

        Assert.Null(await RestoreAsync(snapshots, 9));
        Assert.False(Directory.Exists(Workspace(Fork)));
    }

    [Fact]
    public async Task WhatDidNotChange_IsNotSavedAgain()
    {
        var snapshots = New();
        Assert.Null(await snapshots.SaveAsync(Parent, 5, CancellationToken));
        Write(Parent, "notes.txt", "one");
        Assert.NotNull(await snapshots.SaveAsync(Parent, 10, CancellationToken));
        Assert.Null(await New().SaveAsync(Parent, 20, CancellationToken));
        File.SetUnixFileMode(Path.Combine(Workspace(Parent), "notes.txt"), UnixFileMode.UserRead);
        Assert.NotNull(await snapshots.SaveAsync(Parent, 30, CancellationToken));
        await RestoreAsync(snapshots, 30);
        Assert.Null(await snapshots.SaveAsync(Fork, 9, CancellationToken));
    }

    [Fact]
    public async Task TooMuch_IsNotSaved_AndSaidInTheLog()
    {
        var snapshots = New(new() { MaxMiB = 1, MaxEntries = 10 });
        Write(Parent, "large", new string('x', (1 << 20) + 1));
        Assert.Null(await snapshots.SaveAsync(Parent, 10, CancellationToken));
        File.Delete(Path.Combine(Workspace(Parent), "large"));
        for (var i = 0; i <= 10; i++)
        {
            Write(Parent, $"{i}", "");
        }

        Assert.Null(await snapshots.SaveAsync(Parent, 20, CancellationToken));
        Assert.Equal(2, _log.Lines.Count(line => line.StartsWith("Warning: The files of session", StringComparison.Ordinal)));
        Assert.Null(await RestoreAsync(snapshots, 30));

        // A hole is no content.
        Directory.Delete(Workspace(Parent), recursive: true);
        Write(Parent, "sparse", "x");
        using (var sparse = File.OpenWrite(Path.Combine(Workspace(Parent), "sparse")))
        {
            sparse.SetLength(1L << 33);
        }

        Assert.NotNull(await snapshots.SaveAsync(Parent, 40, CancellationToken));
    }

    [Fact]
    public async Task OldestGoFirst_AndNothingIsSavedWhereItIsTurnedOff()
    {
        var snapshots = New(new() { Keep = 2 });
        foreach (var sequence in new[] { 8, 9, 10, 11 })
        {
            Write(Parent, "notes.txt", new string('x', sequence));
            await snapshots.SaveAsync(Parent, sequence, CancellationToken);
        }

        Assert.Equal(["10.tar.gz", "11.tar.gz"], Directory.EnumerateFiles(Snapshots(Parent)).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Write(Parent, "notes.txt", "more");
        Assert.Null(await New(new() { Enabled = false }).SaveAsync(Parent, 12, CancellationToken));

        // A backup that was restored may have files that are newer than its journal.
        Assert.NotNull(await snapshots.SaveAsync(Parent, 10, CancellationToken));
        Assert.Equal(["10.tar.gz"], Directory.EnumerateFiles(Snapshots(Parent)).Select(Path.GetFileName));
    }

    // What a sandbox may leave: links out of it, pipes, directories that are closed, names that would be lines of a header, bits that make others run.
    [Fact]
    public async Task HostileFiles_LeadNowhere()
    {
        var snapshots = New();
        var secret = Path.Combine(_data.Path, "secret");
        Directory.CreateDirectory(secret);
        File.WriteAllText(Path.Combine(secret, "key"), "a-secret-of-the-host");
        Write(Parent, "a\n26 path=secret-out\nb", "named");
        Write(Parent, "suid", "x", (UnixFileMode)0x9ED);
        Write(Parent, "closed/inside", "y");
        File.CreateSymbolicLink(Path.Combine(Workspace(Parent), "out"), secret);
        File.SetUnixFileMode(Path.Combine(Workspace(Parent), "closed"), UnixFileMode.UserRead | UnixFileMode.UserExecute);

        Assert.NotNull(await snapshots.SaveAsync(Parent, 10, CancellationToken));
        await RestoreAsync(snapshots, 10);

        Assert.Equal("named", Read(Fork, "a\n26 path=secret-out\nb"));
        Assert.Equal((UnixFileMode)0x1ED, File.GetUnixFileMode(Path.Combine(Workspace(Fork), "suid")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Combine(Workspace(Fork), "closed")));
        Assert.Equal(secret, new DirectoryInfo(Path.Combine(Workspace(Fork), "out")).LinkTarget);
        await using var archive = new System.IO.Compression.GZipStream(File.OpenRead(Path.Combine(Snapshots(Parent), "10.tar.gz")), System.IO.Compression.CompressionMode.Decompress);
        Assert.DoesNotContain("a-secret-of-the-host", await new StreamReader(archive).ReadToEndAsync(CancellationToken), StringComparison.Ordinal);
        Open(Parent, Fork);
    }

    [Fact]
    public async Task SessionThatDoesNotBegin_LeavesNothing()
    {
        var snapshots = New();
        Write(Parent, "closed/inside", "y");
        File.SetUnixFileMode(Path.Combine(Workspace(Parent), "closed"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        await snapshots.SaveAsync(Parent, 10, CancellationToken);

        await Assert.ThrowsAsync<InvalidOperationException>(() => snapshots.RestoreAsync(Parent, 10, Fork, _ => throw new InvalidOperationException(), CancellationToken));
        Assert.False(Directory.Exists(Workspace(Fork)));
        Assert.False(Directory.Exists(Snapshots(Fork)));

        File.WriteAllText(Path.Combine(Snapshots(Parent), "11.tar.gz"), "no archive");
        await Assert.ThrowsAsync<IOException>(() => RestoreAsync(snapshots, 11));
        Assert.False(Directory.Exists(Workspace(Fork)));
        Assert.Empty(Directory.EnumerateDirectories(Path.Combine(_data.Path, "snapshots"), "making-*"));
        Open(Parent);
    }

    [Fact]
    public async Task ServerThatDiedInTheMiddle_LeavesFilesOnlyOfSessionsThatBegan()
    {
        await using var world = new EngineWorld();
        world.Model.Say("One.");
        await world.InvokeAsync(EngineWorld.User("First"));
        foreach (var session in new[] { Parent, Fork })
        {
            Write(session, "notes.txt", "one");
            var making = Directory.CreateDirectory(Path.Combine(_data.Path, "snapshots", $"making-{session.SessionId}")).FullName;
            File.WriteAllText(
                Path.Combine(making, "target.json"),
                $$"""{"account":"{{session.Scope.Account}}","region":"{{session.Scope.Region}}","harnessId":"{{session.HarnessId}}","sessionId":"{{session.SessionId}}"}""");
        }

        File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(_data.Path, "snapshots", "making-cut")).FullName, "target.json"), "{");
        Directory.CreateDirectory(Path.Combine(_data.Path, "snapshots", "making-nothing"));
        await New().SettleAsync(world.Journal, CancellationToken);

        Assert.True(Directory.Exists(Workspace(Parent)));
        Assert.False(Directory.Exists(Workspace(Fork)));
        Assert.Empty(Directory.EnumerateDirectories(Path.Combine(_data.Path, "snapshots")));
    }

    private WorkspaceSnapshots New(SnapshotSettings? settings = null) => new(_data.Path, settings ?? new(), _time, IdSource.System, new Microsoft.Extensions.Logging.Logger<WorkspaceSnapshots>(_log));

    private static Task<SavedFiles?> RestoreAsync(WorkspaceSnapshots snapshots, long at) => snapshots.RestoreAsync(Parent, at, Fork, _ => Task.CompletedTask, CancellationToken);

    private void Write(SessionKey session, string name, string content, UnixFileMode? mode = null)
    {
        var path = Path.Combine(Workspace(session), name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        if (mode is { } bits)
        {
            File.SetUnixFileMode(path, bits);
        }
    }

    private string Read(SessionKey session, string name) => File.ReadAllText(Path.Combine(Workspace(session), name));

    // So that the test's directory can be removed.
    private void Open(params SessionKey[] sessions)
    {
        foreach (var session in sessions)
        {
            File.SetUnixFileMode(Path.Combine(Workspace(session), "closed"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private string Workspace(SessionKey session) => SandboxEnvironment.Directory(Path.Combine(_data.Path, "workspaces"), session);

    private string Storage(SessionKey session) => SandboxEnvironment.Directory(Path.Combine(_data.Path, "session-storage"), session);

    private string Snapshots(SessionKey session) => SandboxEnvironment.Directory(Path.Combine(_data.Path, "snapshots"), session);
}
