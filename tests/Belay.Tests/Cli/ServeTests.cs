using System.Text.RegularExpressions;
using Belay.Cli.Serving;
using Belay.Sandboxes;
using Belay.Storage;
using Microsoft.AspNetCore.Connections;

namespace Belay.Tests.Cli;

public sealed class ServeTests
{
    [Fact]
    public async Task Options_BecomeSettings()
    {
        using var run = New();
        await run.RunAsync(
            "serve", "--port", "9000", "--data", "d", "--host", "localhost", "--sandbox", "process", "--store", "sqlite", "--region", "eu-west-1", "--account",
            "111122223333", "--default-model", "openai/x", "--provider-keys", "--set", "Tools:Concurrency=1", "--set", "Models:StallSeconds=60", "--set", "Tools:Concurrency=2");

        var started = run.Started! with { Environment = new Dictionary<string, string>(), Named = new Dictionary<string, string>() };
        Assert.Equal(new Dictionary<string, string> { ["Tools:Concurrency"] = "2", ["Models:StallSeconds"] = "60" }, run.Started!.Named);
        Assert.Equal(
            new ServeSettings
            {
                DataDirectory = Path.Combine(run.Directory, "d"),
                Host = "127.0.0.1",
                Port = 9000,
                Sandbox = "process",
                Region = "eu-west-1",
                Account = "111122223333",
                DefaultModel = "openai/x",
                ProviderKeysFromEnvironment = true,
                Environment = started.Environment,
                Named = started.Named,
            },
            started);
    }

    [Fact]
    public async Task Defaults_AreThoseOfTheDesign()
    {
        using var run = New();
        await run.RunAsync("serve");

        var started = run.Started!;
        Assert.Equal(
            (Path.Combine(run.Directory, ".belay"), "127.0.0.1", 8642, "auto", "us-west-2", "000000000000", false, false),
            (started.DataDirectory, started.Host, started.Port, started.Sandbox, started.Region, started.Account, started.ProviderKeysFromEnvironment, started.UnconfinedAsLastResort));
    }

    [Fact]
    public async Task Ready_NamesTheProgramAsItWasCalled()
    {
        using var run = New();
        run.Environment["BELAY_PROGRAM"] = "./belay";
        await run.RunAsync("serve");

        Assert.Contains("connect   eval \"$(./belay env --data ", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ready_SaysWhereAndHowToConnect()
    {
        using var run = New();

        Assert.Equal(0, await run.RunAsync("serve"));
        GoldenFile.Matches("serve", run.Output.Replace(run.Directory, "DIR", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("http://0.0.0.0:9000", "http://127.0.0.1:9000")]
    [InlineData("https://0.0.0.0:9000", "https://127.0.0.1:9000")]
    [InlineData("http://[::]:9000", "http://[::1]:9000")]
    public async Task Ready_OnEveryAddress_NamesOneThatAClientCanUse(string listens, string named)
    {
        using var run = new CliRun { StartServer = _ => new RunningServer(new Uri(listens), "fake", Task.CompletedTask, () => ValueTask.CompletedTask) };
        await run.RunAsync("serve");
        await run.RunAsync("serve", "--json");

        Assert.Matches(@$"^Belay [0-9.]+ is ready at {Regex.Escape(named)} and every other address of this machine\n", run.Output);
        Assert.Contains($"{{\"url\":\"{named}\"", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ready_AsJson_IsOneLine()
    {
        using var run = New();

        Assert.Equal(0, await run.RunAsync("serve", "--json", "--data", "d"));
        Assert.Matches("""^\{"url":"http://127.0.0.1:8642","dataDirectory":".*/d","sandbox":"fake \(a label\)","version":"[0-9.]+"\}\n$""", run.Output);
    }

    [Fact]
    public async Task TakenPort_IsSaidInWords()
    {
        using var run = new CliRun { StartServer = _ => throw new IOException("Failed to bind.", new AddressInUseException("in use")) };

        Assert.Equal(1, await run.RunAsync("serve", "--port", "9000"));
        Assert.Equal("Could not start the server: port 9000 on 127.0.0.1 is taken. See who has it: ss -ltnp 'sport = :9000'. Or choose another with --port.\n", run.Error);
    }

    [Theory]
    [InlineData(typeof(ArgumentException), "")]
    [InlineData(typeof(StorageException), "")]
    [InlineData(typeof(InvalidDataException), "")]
    [InlineData(typeof(IOException), "")]
    [InlineData(typeof(SandboxException), "no sandbox works as asked. ")]
    public async Task WhatKeepsAServerFromStarting_IsSaidInWords(Type kind, string before)
    {
        Exception failure = kind.Name switch
        {
            nameof(ArgumentException) => new ArgumentException("The port is wrong.", nameof(kind)),
            nameof(StorageException) => new StorageException("The port is wrong."),
            nameof(IOException) => new IOException("The port is wrong.\nVery."),
            nameof(SandboxException) => new SandboxException("The port is wrong."),
            _ => new InvalidDataException("The port is wrong."),
        };
        using var run = new CliRun { StartServer = _ => throw failure };

        Assert.Equal(1, await run.RunAsync("serve"));
        Assert.StartsWith($"Could not start the server: {before}The port is wrong.", run.Error, StringComparison.Ordinal);
        Assert.Single(run.Error.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task ToldToStop_EndsWith0AfterTheServerHasStopped()
    {
        var stopped = false;
        using var stop = new CancellationTokenSource();
        using var run = new CliRun
        {
            StartServer = _ =>
            {
                stop.Cancel();
                return new RunningServer(new Uri("http://127.0.0.1:8642"), "fake", new TaskCompletionSource().Task, () =>
                {
                    stopped = true;
                    return ValueTask.CompletedTask;
                });
            },
        };

        Assert.Equal(0, await run.RunAsync(stop.Token, "serve"));
        Assert.True(stopped);
    }

    private static CliRun New() => new()
    {
        StartServer = _ => new RunningServer(new Uri("http://127.0.0.1:8642"), "fake (a label)", Task.CompletedTask, () => ValueTask.CompletedTask),
    };
}
