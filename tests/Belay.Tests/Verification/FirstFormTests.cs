using Belay.Agents;
using Belay.Contracts.Verification;
using Belay.Identity;
using Belay.Sessions;
using Belay.Storage;
using Belay.Storage.Sqlite;
using Belay.Testing;
using Belay.Testing.Processes;
using Belay.Verification;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Tests.Verification;

/// <summary>
/// A data directory in the first form of journals and of signed heads, as a server left it that had two turns and a command. It is never made
/// anew: every later version has to read it. Its master key is public, and good for nothing else.
/// </summary>
public sealed class FirstFormTests : IDisposable
{
    private static readonly SessionKey Session = new(new Scope("000000000000", "us-west-2"), "sample-rKpDMS1iPd", "a-session-in-the-first-form-of-journals");

    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    /// <summary>With the signed heads, and as a version left it that did not sign yet.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Directory_IsOpened_Read_Verified_AndGoneOnWith(bool withHeads)
    {
        foreach (var name in (string[])["belay.db", "master.key", .. withHeads ? ["belay.heads"] : Array.Empty<string>()])
        {
            var copy = Path.Combine(_directory.Path, name);
            File.Copy(Path.Combine(RepositoryPaths.Root, "tests", "Belay.Tests", "Verification", "FirstForm", name), copy);
            File.SetUnixFileMode(copy, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        var master = MasterKey.TryLoad(_directory.Path)!;
        long entries;
        await using (var database = SqliteDatabase.Open(_directory.Path, new StorageSettings(), TimeProvider.System))
        {
            // 1. As it was left.
            var journal = new SqliteJournal(database, TimeProvider.System);
            var sealer = new Sealer(master, new SqliteDocumentStore(database), IdSource.System, new SealerSettings());
            var before = await VerifyAsync(journal, sealer, master);
            Assert.Equal(withHeads, before.Heads!.Problem is null);
            Assert.Equal((1L, 0L), (before.Sessions, before.DamagedSessions));
            entries = before.Entries;

            // 2. The conversation.
            await using var keeper = await HeadKeeper.OpenAsync(
                _directory.Path, master, database, journal, new StorageSettings(), new(NullLogger.Instance), TimeProvider.System, NullLogger.Instance, Token);
            await using var session = await SessionJournal.OpenAsync(journal, sealer, TimeProvider.System, Session, "test", Token);
            var conversation = new Conversation();
            await foreach (var entry in session.ReadAsync(0, Token))
            {
                conversation.Apply(entry.Body);
            }

            Assert.Equal(
                [
                    "User: !say Good morning.",
                    "Assistant: Good morning.",
                    "User: run `echo one two`",
                    "Assistant: I run `echo one two`.",
                    "User: ",
                    "Assistant: `echo one two` exited with code 0 and printed this:\n\n```\none two\n```",
                ],
                conversation.Context.Select(message => $"{message.Role}: {string.Concat(message.Blocks.OfType<Block.Text>().Select(block => block.Value))}"));
            Assert.True(await session.BelongsToAsync("ada", Token));

            // 3. More of it.
            await session.AppendAsync([new CommandIntent("id", "true", 1)], Durability.Synced, Token);
        }

        await using (var database = SqliteDatabase.Open(_directory.Path, new StorageSettings(), TimeProvider.System))
        {
            var sealer = new Sealer(master, new SqliteDocumentStore(database), IdSource.System, new SealerSettings());
            var after = await VerifyAsync(new SqliteJournal(database, TimeProvider.System), sealer, master);
            Assert.Equal((entries + 1, 0L, 0L, null), (after.Entries, after.DamagedSessions, after.UnsignedEntries, after.Heads!.Problem));
        }
    }

    private async Task<VerificationTally> VerifyAsync(SqliteJournal journal, Sealer sealer, MasterKey master)
    {
        using var heads = HeadKeeper.Scan(_directory.Path, master);
        return (await new StoreVerifier(journal, sealer, TimeProvider.System).RunAsync(heads, new(), Token).ToListAsync(Token))[^1].Tally;
    }
}
