using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Belay.Bundles;
using Belay.Harnesses;
using Belay.Identity;
using Belay.Sandboxes;
using Belay.Sandboxes.Snapshots;
using Belay.Sessions;
using Belay.Storage;
using Belay.Testing;
using Belay.Testing.Sessions;
using Belay.Testing.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Tests.Bundles;

/// <summary>The files of a session in its bundle: they come back, and nothing else comes of them whoever made the archive.</summary>
public sealed class BundledFilesTests : IAsyncDisposable
{
    private static readonly SnapshotSettings Small = new() { MaxMiB = 1, MaxEntries = 15 };
    private static readonly string[] Links = ["src/deep/up", "whole", "program"];

    private readonly TemporaryDirectory _there = new();
    private readonly TemporaryDirectory _here = new();
    private readonly BundleKey _key;
    private readonly EngineWorld _world = new() { Harness = BundleFile.Harness() };
    private readonly EngineWorld _other = new(seed: 7);
    private readonly HarnessCatalog _catalog;
    private int _imports;

    public BundledFilesTests()
    {
        _key = BundleKey.LoadOrCreate(_there.Path, MasterKey.LoadOrCreate(_there.Path));
        _other.Time.Advance(TimeSpan.FromDays(3));
        _catalog = new(new InMemoryDocumentStore(), MasterKey.FromBytes(new byte[32]), new() { MaxHarnesses = 1000 }, _other.Time, new SeededIdSource(8));
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _key.Dispose();
        await _world.DisposeAsync();
        await _other.DisposeAsync();
        _there.Dispose();
        _here.Dispose();
    }

    public static TheoryData<string, string> Hostile { get; } = new()
    {
        { "file workspace/../../outside", "leads elsewhere" },
        { "file workspace/%2E%2E/%2E%2E/outside", "leads elsewhere" },
        { "file workspace/a%2F..%2F..%2F..%2Foutside", "leads elsewhere" },
        { "file workspace/a%00b", "leads elsewhere" },
        { "file /outside", "leads elsewhere" },
        { "file ../outside", "leads elsewhere" },
        { "file elsewhere/outside", "leads elsewhere" },
        { "file workspace/missing/outside", "leads elsewhere" },
        { "link workspace/d /usr/lib|file workspace/d/outside", "leads elsewhere" },
        { "link workspace/d .|file workspace/d/outside", "leads elsewhere" },
        { "link workspace/l /etc/passwd", "a link that leads elsewhere" },
        { "link workspace/l ../../outside", "a link that leads elsewhere" },
        { "link workspace/l ..", "a link that leads elsewhere" },
        { "folder workspace/a|link workspace/a/l ../..", "a link that leads elsewhere" },
        { "folder workspace/a|link workspace/l a/../../outside", "a link that leads elsewhere" },
        { "folder workspace/a|link workspace/a/s ..|link workspace/l a/s/..", "a link that leads elsewhere" },
        { "link workspace/l /workspace/../etc/passwd", "a link that leads elsewhere" },
        { "link workspace/l /usr/../etc/passwd", "a link that leads elsewhere" },
        { "link workspace/l /workspaces/x", "a link that leads elsewhere" },
        { "link workspace/l a%00b", "a link that leads elsewhere" },
        { "link storage/l ../workspace", "a link that leads elsewhere" },
        { "hard workspace/l /etc/passwd", "no file, directory or link" },
        { "device workspace/null", "no file, directory or link" },
        { "disk workspace/sda", "no file, directory or link" },
        { "pipe workspace/p", "no file, directory or link" },
        { "file workspace/a|file workspace/a", "holds a name twice" },
        { "link workspace/a b|file workspace/a", "holds a name twice" },
        { "file workspace/" + "LONG", "leads elsewhere" },
        { "deep workspace", "a name of more than 3000 bytes" },
        { "large workspace/zeros", "more than 1 MiB (Snapshots:MaxMiB)" },
        { "many workspace/f", "or 15 entries" },
        { "header workspace/h", "more than 1 MiB (Snapshots:MaxMiB)" },
        { "sparse workspace/s 99 0 5", "cannot be read" },
        { "sparse workspace/s -1 0 1", "cannot be read" },
        { "nothing", "another version" },
    };

    [Fact]
    public async Task Files_ComeBackAsTheyWere_AndAreTheSessionsOwn()
    {
        await SaveAsync();
        Write(_there, "notes.txt", "unsaved");

        var (bundle, imported) = await ImportAsync(await ExportAsync());

        Assert.Equal(new SavedFiles(bundle.Header.Files!.Sequence, bundle.Header.Files.SavedAt, 4, 16), imported.Files);
        var workspace = Workspace(_here, imported.Session);
        Assert.Equal("one", await File.ReadAllTextAsync(Path.Combine(workspace, "notes.txt"), Token));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Combine(workspace, "src/deep/a.sh")));
        Assert.Equal(["../../notes.txt", "/workspace/notes.txt", "/usr/bin/env"], Links.Select(link => new FileInfo(Path.Combine(workspace, link)).LinkTarget));
        Assert.Equal("kept", await File.ReadAllTextAsync(Path.Combine(Place(_here, "session-storage", imported.Session), "kept"), Token));

        // What was brought counts as saved, and forks of the session begin with it.
        var snapshots = Snapshots(_here);
        Assert.Null(await snapshots.SaveAsync(imported.Session, imported.Entries, Token));
        var fork = imported.Session with { SessionId = "fork-00000000000000000000000000000001" };
        Assert.NotNull(await snapshots.RestoreAsync(imported.Session, imported.Entries, fork, _ => Task.CompletedTask, Token));
        Assert.Equal("one", await File.ReadAllTextAsync(Path.Combine(Workspace(_here, fork), "notes.txt"), Token));
        Assert.Empty(Directory.EnumerateDirectories(Path.Combine(_here.Path, "snapshots"), "making-*"));
    }

    [Fact]
    public async Task SessionWithoutSnapshot_HasNoFilesInItsBundle()
    {
        _world.Model.Say("One.");
        await _world.InvokeAsync(EngineWorld.User("Go"));

        Assert.Null(await Snapshots(_there).OpenAsync(_world.Key, 100, Token));
        var (bundle, imported) = await ImportAsync(await BundleFile.WriteAsync(_world, _world.Key, _key));

        Assert.Equal((null, null), (bundle.Header.Files, imported.Files));
        Assert.False(Directory.Exists(Workspace(_here, imported.Session)));
    }

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task HostileArchive_IsRefused_AndLeavesNothing(string entries, string why)
    {
        _world.Model.Say("One.");
        await _world.InvokeAsync(EngineWorld.User("Go"));

        var problem = await Assert.ThrowsAsync<BundleException>(() => ImportArchiveAsync(ArchiveOf(entries), Small));

        Assert.Contains(why, problem.Message, StringComparison.Ordinal);
        Assert.StartsWith("The files of the bundle cannot be restored.", problem.Message, StringComparison.Ordinal);
        Assert.Empty(Leftovers());
        Assert.Empty(await _other.Journal.ListAsync(EngineWorld.Scope, null, null, Token).Where(row => row.LastSequence > 0).ToListAsync(Token));
        Assert.Empty((await _catalog.ListAsync(EngineWorld.Scope, 10, null, Token)).Items);
    }

    // Whatever bytes there are: a session with files, or a refusal in words; and nothing beside the session's own directories.
    [Fact]
    public async Task DamagedArchives_AreRefusedOrRestored_AndNothingElseHappens()
    {
        await SaveAsync();
        await using var saved = (await Snapshots(_there).OpenAsync(_world.Key, 100, Token))!.Content;
        using var plain = new MemoryStream();
        await using (var content = new GZipStream(saved, CompressionMode.Decompress))
        {
            await content.CopyToAsync(plain, Token);
        }

        var random = new Random(1);
        var refused = 0;
        for (var round = 0; round < 200; round++)
        {
            var bytes = plain.ToArray();
            for (var change = random.Next(1, 6); change > 0; change--)
            {
                bytes[random.Next(bytes.Length)] = (byte)(random.Next(3) == 0 ? random.Next(256) : "/.0127x%"[random.Next(8)]);
            }

            var archive = Compressed(random.Next(4) == 0 ? bytes[..random.Next(bytes.Length)] : bytes);
            try
            {
                await ImportArchiveAsync(archive, new());
            }
            catch (BundleException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 20, 200);
        Assert.Equal(["session-storage", "snapshots", "workspaces"], Directory.EnumerateFileSystemEntries(_here.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Empty(Directory.EnumerateDirectories(Path.Combine(_here.Path, "snapshots"), "making-*"));
    }

    [Fact]
    public async Task ArchiveThatIsNotWhatTheBundleSays_IsRefused()
    {
        await SaveAsync();
        var bytes = await ExportAsync();
        var lines = BundleFile.Lines(bytes);
        var part = lines.FindIndex(line => line.StartsWith("{\"files\":", StringComparison.Ordinal));
        var length = (await BundleFile.ReadAsync(bytes)).Header.Files!.Length;

        await RefusedAsync("bytes of the archive of its files where", [.. lines[..part], .. lines[(part + 1)..]]);
        await RefusedAsync("says nothing that can stand there", [.. lines[..(part + 1)], lines[part], .. lines[(part + 1)..]]);
        await RefusedAsync("says nothing that can stand there", [lines[0].Replace($"\"length\":{length}", "\"length\":1", StringComparison.Ordinal), .. lines[1..]]);
        await RefusedAsync("has a form that is not known here", [lines[0].Replace($"\"length\":{length}", "\"length\":-1", StringComparison.Ordinal), .. lines[1..]]);
        await RefusedAsync("says nothing that can stand there", [lines[0], lines[part], .. lines[1..part]]);
        var problem = await Assert.ThrowsAsync<BundleException>(() => BundleFile.ReadAsync(bytes, limits: new() { FileBytes = 10 }));
        Assert.Contains($"an archive of {length} bytes of files; the most is 10", problem.Message, StringComparison.Ordinal);

        // One byte of it, with everything else as it was.
        var text = Encoding.UTF8.GetString(bytes);
        var at = text.IndexOf("{\"files\":\"", StringComparison.Ordinal) + 40;
        var forged = await Assert.ThrowsAsync<BundleException>(() => BundleFile.ReadAsync(Encoding.UTF8.GetBytes(text[..at] + (text[at] == 'A' ? 'B' : 'A') + text[(at + 1)..])));
        Assert.StartsWith($"Line {part + 1} is not what was written", forged.Message, StringComparison.Ordinal);

        async Task RefusedAsync(string why, IEnumerable<string> changed)
        {
            var refused = await Assert.ThrowsAsync<BundleException>(() => BundleFile.ReadAsync(BundleFile.Signed(changed, _key)));
            Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        }
    }

    private async Task SaveAsync()
    {
        _world.Model.Say("One.");
        await _world.InvokeAsync(EngineWorld.User("Go"));
        Write(_there, "notes.txt", "one");
        Write(_there, "src/deep/a.sh", "#!");
        Write(_there, "src/empty", "1234567");
        var workspace = Workspace(_there, _world.Key);
        File.SetUnixFileMode(Path.Combine(workspace, "src/deep/a.sh"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        File.CreateSymbolicLink(Path.Combine(workspace, "src/deep/up"), "../../notes.txt");
        File.CreateSymbolicLink(Path.Combine(workspace, "whole"), "/workspace/notes.txt");
        File.CreateSymbolicLink(Path.Combine(workspace, "program"), "/usr/bin/env");
        await File.WriteAllTextAsync(Directory.CreateDirectory(Place(_there, "session-storage", _world.Key)).FullName + "/kept", "kept", Token);
        Assert.NotNull(await Snapshots(_there).SaveAsync(_world.Key, 4, Token));
    }

    private async Task<byte[]> ExportAsync()
    {
        var (saved, content) = (await Snapshots(_there).OpenAsync(_world.Key, 100, Token))!;
        await using (content)
        {
            return await BundleFile.WriteAsync(_world, _world.Key, _key, new(saved.Sequence, saved.SavedAt, saved.Files, saved.Bytes, content.Length), content);
        }
    }

    // An archive that somebody made, in a bundle that somebody signed.
    private async Task ImportArchiveAsync(byte[] archive, SnapshotSettings settings)
    {
        using var content = new MemoryStream(archive);
        await ImportAsync(await BundleFile.WriteAsync(_world, _world.Key, _key, new(1, DateTimeOffset.UnixEpoch, 1, 1, archive.Length), content), settings);
    }

    private async Task<(SessionBundle Bundle, ImportedSession Imported)> ImportAsync(byte[] bytes, SnapshotSettings? settings = null, string? sessionId = null)
    {
        using var archive = new MemoryStream();
        var bundle = await BundleFile.ReadAsync(bytes, archive);
        archive.Position = 0;
        var import = new SessionImport(new(_other.Journal, _other.Sealer, _other.Host.Look, new()), _other.Host, _catalog, Snapshots(_here, settings), _other.Time);
        return (bundle, await import.RunAsync(EngineWorld.Scope, bundle, archive, null, sessionId ?? $"imported-0000000000000000000000{++_imports:00000}", Token));
    }

    private static byte[] ArchiveOf(string entries)
    {
        using var plain = new MemoryStream();
        using (var tar = new TarWriter(plain, TarEntryFormat.Pax, leaveOpen: true))
        {
            var head = entries == "nothing" ? """{"form":9}""" : """{"form":1,"sequence":1,"savedAt":"2026-01-01T00:00:00Z","files":1,"bytes":1,"digest":""}""";
            Add(tar, TarEntryType.RegularFile, "snapshot.json", Encoding.UTF8.GetBytes(head));
            Add(tar, TarEntryType.Directory, "workspace");
            Add(tar, TarEntryType.Directory, "storage");
            foreach (var entry in entries.Split('|').Select(entry => entry.Replace("LONG", new string('n', 256), StringComparison.Ordinal).Split(' ')))
            {
                Add(tar, plain, entry);
            }
        }

        return Compressed(plain.ToArray());
    }

    private static void Add(TarWriter tar, MemoryStream plain, string[] entry)
    {
        switch (entry)
        {
            case ["file", var name]:
                Add(tar, TarEntryType.RegularFile, name, "hostile"u8.ToArray());
                break;
            case ["folder", var name]:
                Add(tar, TarEntryType.Directory, name);
                break;
            case ["link", var name, var target]:
                tar.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, name) { LinkName = target });
                break;
            case ["hard", var name, var target]:
                tar.WriteEntry(new PaxTarEntry(TarEntryType.HardLink, name) { LinkName = target });
                break;
            case ["device", var name]:
                Add(tar, TarEntryType.CharacterDevice, name);
                break;
            case ["disk", var name]:
                Add(tar, TarEntryType.BlockDevice, name);
                break;
            case ["pipe", var name]:
                Add(tar, TarEntryType.Fifo, name);
                break;
            case ["large", var name]:
                Add(tar, TarEntryType.RegularFile, name, new byte[2 << 20]);
                break;
            case ["many", var name]:
                for (var i = 0; i < 20; i++)
                {
                    Add(tar, TarEntryType.RegularFile, $"{name}{i}", []);
                }

                break;
            case ["deep", var name]:
                for (var i = 1; i <= 13; i++)
                {
                    Add(tar, TarEntryType.Directory, name + string.Concat(Enumerable.Repeat("/" + new string('n', 240), i)));
                }

                break;
            case ["header", var name]:
                // A header of headers that takes nothing, compressed, and 64 MiB in memory.
                plain.Write(Header(name, 'x', 64 << 20));
                plain.Write(new byte[64 << 20]);
                break;
            case ["sparse", var name, .. var extents]:
                tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name, [KeyValuePair.Create("BELAY.extents", string.Join(' ', extents))]) { DataStream = new MemoryStream("hostile"u8.ToArray()) });
                break;
        }
    }

    private static void Add(TarWriter tar, TarEntryType type, string name, byte[]? content = null)
    {
        var entry = new PaxTarEntry(type, name);
        if (content is not null)
        {
            entry.DataStream = new MemoryStream(content);
        }

        tar.WriteEntry(entry);
    }

    private static byte[] Header(string name, char type, long size)
    {
        var header = new byte[512];
        Encoding.ASCII.GetBytes(name).CopyTo(header, 0);
        "0000644\0"u8.CopyTo(header.AsSpan(100));
        "0000000\0"u8.CopyTo(header.AsSpan(108));
        "0000000\0"u8.CopyTo(header.AsSpan(116));
        Encoding.ASCII.GetBytes(Convert.ToString(size, 8).PadLeft(11, '0')).CopyTo(header, 124);
        "00000000000"u8.CopyTo(header.AsSpan(136));
        header[156] = (byte)type;
        "ustar"u8.CopyTo(header.AsSpan(257));
        "00"u8.CopyTo(header.AsSpan(263));
        header.AsSpan(148, 8).Fill((byte)' ');
        Encoding.ASCII.GetBytes(Convert.ToString(header.Sum(one => one), 8).PadLeft(6, '0') + "\0 ").CopyTo(header, 148);
        return header;
    }

    private static byte[] Compressed(byte[] plain)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(plain);
        }

        return compressed.ToArray();
    }

    // Everything but directories that are empty.
    private IEnumerable<string> Leftovers() =>
        Directory.EnumerateFileSystemEntries(_here.Path, "*", SearchOption.AllDirectories).Where(path => !Directory.Exists(path) || Path.GetFileName(path).StartsWith("making-", StringComparison.Ordinal));

    private WorkspaceSnapshots Snapshots(TemporaryDirectory data, SnapshotSettings? settings = null) =>
        new(data.Path, settings ?? new(), _world.Time, IdSource.System, NullLogger<WorkspaceSnapshots>.Instance);

    private void Write(TemporaryDirectory data, string name, string content)
    {
        var path = Path.Combine(Workspace(data, _world.Key), name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }

    private static string Workspace(TemporaryDirectory data, SessionKey session) => Place(data, "workspaces", session);

    private static string Place(TemporaryDirectory data, string kind, SessionKey session) => SandboxEnvironment.Directory(Path.Combine(data.Path, kind), session);
}
