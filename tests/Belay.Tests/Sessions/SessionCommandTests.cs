using Belay.Contracts.Faults;
using Belay.Contracts.Runtimes;
using Belay.Sessions;
using Belay.Testing.Sessions;

namespace Belay.Tests.Sessions;

/// <summary>Commands that a client runs in a session's sandbox.</summary>
public sealed class SessionCommandTests
{
    [Fact]
    public async Task Command_StreamsBothOutputsAndItsExitCode()
    {
        await using var world = new EngineWorld();

        await using var command = await world.Host.RunCommandAsync(world.Key, world.Harness, "echo out; err bad; exit 7", 60, CancellationToken.None);
        var chunks = await ReadAsync(command);

        Assert.NotNull(chunks[0].ContentStart);
        Assert.Equal(["out\n", "bad\n"], chunks[1..^1].Select(chunk => chunk.ContentDelta!.Stdout ?? chunk.ContentDelta.Stderr));
        Assert.Equal(new ContentStopEvent { ExitCode = 7, Status = CommandExecutionStatus.Completed }, chunks[^1].ContentStop);
        Assert.Equal(["SandboxStarted", "CommandIntent", "CommandOutcome"], (await world.EntriesAsync()).Select(entry => entry.GetType().Name));
    }

    [Fact]
    public async Task Command_TimedOut_SaysSo()
    {
        await using var world = new EngineWorld();
        await using var command = await world.Host.RunCommandAsync(world.Key, world.Harness, "sleep", 3, CancellationToken.None);
        var reading = ReadAsync(command);
        await world.Disk.Slept.Task;
        world.Time.Advance(TimeSpan.FromSeconds(3));

        Assert.Equal(new ContentStopEvent { ExitCode = 124, Status = CommandExecutionStatus.TimedOut }, (await reading)[^1].ContentStop);
    }

    [Fact]
    public async Task Command_ReaderLeaves_IsKilledAndRecorded()
    {
        await using var world = new EngineWorld();
        var command = await world.Host.RunCommandAsync(world.Key, world.Harness, "sleep", 60, CancellationToken.None);
        using var leave = new CancellationTokenSource();
        var reading = Task.Run(async () =>
        {
            await foreach (var chunk in command.ReadAsync(leave.Token))
            {
            }
        });
        await world.Disk.Slept.Task;
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        await command.DisposeAsync();

        Assert.Equal(0, world.Sandboxes[0].Current!.Running);
        Assert.Equal("FAILED", Assert.Single((await world.EntriesAsync()).OfType<CommandOutcome>()).Status);
    }

    [Fact]
    public async Task NinthCommand_IsRefusedAsRetryable()
    {
        await using var world = new EngineWorld();
        var commands = new List<StartedCommand>();
        for (var i = 0; i < 8; i++)
        {
            commands.Add(await world.Host.RunCommandAsync(world.Key, world.Harness, "sleep", 60, CancellationToken.None));
        }

        var fault = await Assert.ThrowsAsync<ServiceException>(() => world.Host.RunCommandAsync(world.Key, world.Harness, "sleep", 60, CancellationToken.None));

        Assert.Equal(FaultCode.RetryableConflictException, fault.Code);
        foreach (var command in commands)
        {
            await command.DisposeAsync();
        }

        await using var again = await world.Host.RunCommandAsync(world.Key, world.Harness, "echo hi", 60, CancellationToken.None);
    }

    internal static async Task<List<ResponseChunk>> ReadAsync(StartedCommand command)
    {
        var chunks = new List<ResponseChunk>();
        await foreach (var chunk in command.ReadAsync(CancellationToken.None))
        {
            chunks.Add(chunk);
        }

        return chunks;
    }
}
