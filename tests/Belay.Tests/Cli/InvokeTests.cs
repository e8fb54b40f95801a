namespace Belay.Tests.Cli;

public sealed class InvokeTests
{
    private const string Session = "0123456789abcdef0123456789abcdef0";

    /// <summary>A turn with reasoning, two tools of which one fails, and an answer.</summary>
    private const string Turn = """
        messageStart {"role":"assistant"}
        contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"A shell will do."}}}
        contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"c2ln"}}}
        contentBlockStop {"contentBlockIndex":0}
        contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"I will look "}}
        contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"first."}}
        contentBlockStop {"contentBlockIndex":1}
        contentBlockStart {"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"t1","name":"shell","type":"tool_use"}}}
        contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"command\":\"wc -w"}}}
        contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":" notes.txt\"}"}}}
        contentBlockStop {"contentBlockIndex":2}
        contentBlockStart {"contentBlockIndex":3,"start":{"toolUse":{"toolUseId":"t2","name":"file_operations","type":"tool_use"}}}
        contentBlockDelta {"contentBlockIndex":3,"delta":{"toolUse":{"input":"{\"command\":\"view\",\"path\":\"/nowhere\"}"}}}
        contentBlockStop {"contentBlockIndex":3}
        messageStop {"stopReason":"tool_use"}
        messageStart {"role":"user"}
        contentBlockStart {"contentBlockIndex":0,"start":{"toolResult":{"toolUseId":"t1","status":"success"}}}
        contentBlockDelta {"contentBlockIndex":0,"delta":{"toolResult":[{"json":{"stdout":"8 notes.txt\n","stderr":"","exit_code":0}}]}}
        contentBlockDelta {"contentBlockIndex":0,"delta":{"toolResultMetadata":{"metadata":"{\"durationMs\":12}"}}}
        contentBlockStop {"contentBlockIndex":0}
        contentBlockStart {"contentBlockIndex":1,"start":{"toolResult":{"toolUseId":"t2","status":"error"}}}
        contentBlockDelta {"contentBlockIndex":1,"delta":{"toolResult":[{"text":"No such "}]}}
        contentBlockDelta {"contentBlockIndex":1,"delta":{"toolResult":[{"text":"file."}]}}
        contentBlockStop {"contentBlockIndex":1}
        messageStop {"stopReason":"tool_result"}
        messageStart {"role":"assistant"}
        contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"Eight words."}}
        contentBlockStop {"contentBlockIndex":0}
        somethingNew {"unknown":true}
        messageStop {"stopReason":"end_turn"}
        metadata {"usage":{"inputTokens":4210,"outputTokens":188,"totalTokens":4398},"metrics":{"latencyMs":9123}}
        """;

    [Fact]
    public async Task Turn_OnAScreen_IsTheGoldenText()
    {
        using var run = New(Turn, together: true);

        Assert.Equal(0, await run.RunAsync("invoke", "--harness", "hello", "Count the words."));
        GoldenFile.Matches("invoke", run.Output);
    }

    [Theory]
    [InlineData("traceparent", "00-5f0c1d2e3a4b5c6d7e8f901234567890-00f067aa0ba902b7-01")]
    [InlineData("X-Amzn-Trace-Id", "Root=1-5f0c1d2e-3a4b5c6d7e8f901234567890;Sampled=0")]
    public async Task Trace_IsTheLastLine(string header, string value)
    {
        using var run = Traced(header, value);

        Assert.Equal(0, await run.RunAsync("invoke", "--harness", "hello", "Hi."));
        Assert.EndsWith("\ntrace  belay traces get 5f0c1d2e3a4b5c6d7e8f901234567890\n", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trace_IsInTheJson()
    {
        using var run = Traced("traceparent", "00-5f0c1d2e3a4b5c6d7e8f901234567890-00f067aa0ba902b7-01");

        Assert.Equal(0, await run.RunAsync("invoke", "--harness", "hello", "Hi.", "--json"));
        Assert.Equal("5f0c1d2e3a4b5c6d7e8f901234567890", (string?)System.Text.Json.Nodes.JsonNode.Parse(run.Output)!["traceId"]);
        Assert.Empty(run.Error);
    }

    [Theory]
    [InlineData("traceparent", "00-nothing-of-the-kind")]
    [InlineData("X-Amzn-Trace-Id", "Self=1-5f0c1d2e-3a4b5c6d7e8f901234567890")]
    public async Task HeaderThatNamesNoTrace_SaysNothing(string header, string value)
    {
        using var run = Traced(header, value);

        Assert.Equal(0, await run.RunAsync("invoke", "--harness", "hello", "Hi."));
        Assert.DoesNotContain("trace ", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(""" "cost":{"amount":0.0123,"currency":"USD"} """, " · 0.0123 USD\n", """ "cost":{"amount":0.0123,"currency":"USD"}""")]
    [InlineData(""" "unpriced":["ollama/qwen3"] """, " · cost unknown: no price for ollama/qwen3\n", """ "unpriced":["ollama/qwen3"]""")]
    public async Task Cost_IsThatOfTheInvocation_OrSaysWhichPriceIsMissing(string member, string line, string json)
    {
        const string Trace = "5f0c1d2e3a4b5c6d7e8f901234567890";
        foreach (var asJson in (bool[])[false, true])
        {
            using var run = Traced("traceparent", $"00-{Trace}-00f067aa0ba902b7-01");
            run.Service.On($"GET /belay/v1/harnesses/{FakeService.Id}/sessions/{Session}", () => FakeService.Json(System.Text.Json.Nodes.JsonNode.Parse(
                $$"""{"invocations":[{"traceId":"another","cost":{"amount":7,"currency":"USD"} },{"traceId":"{{Trace}}",{{member}}}]}""")!));

            Assert.Equal(0, await run.RunAsync(["invoke", "--harness", "hello", "--session-id", Session, .. (string[])(asJson ? ["--json"] : []), "Hi."]));
            if (asJson)
            {
                Assert.Contains(json.Trim(), run.Output.ReplaceLineEndings("").Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
            }
            else
            {
                Assert.Contains(line, run.Error, StringComparison.Ordinal);
            }
        }
    }

    private static CliRun Traced(string header, string value)
    {
        var run = new CliRun().WithKey();
        run.Service.WithHarness().On("POST /harnesses/invoke", () =>
        {
            var answer = FakeService.Stream(Turn);
            answer.Headers.Add(header, value);
            return answer;
        });
        return run;
    }

    [Fact]
    public async Task Turn_InColour_IsTheGoldenText()
    {
        using var run = New(Turn, together: true, colour: true);

        Assert.Equal(0, await run.RunAsync("invoke", "--harness", "hello", "Count the words."));
        GoldenFile.Matches("invoke-colour", run.Output.Replace("\e", "ESC", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Turn_Piped_PutsOnlyTheAgentsWordsOnStandardOutput()
    {
        using var run = New(Turn);

        Assert.Equal(0, await run.RunAsync("invoke", "--harness", "hello", "--session-id", Session, "Count the words."));
        Assert.Equal("I will look first.\nEight words.\n", run.Output);
        Assert.DoesNotContain("session", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Turn_AsJson_IsTheGoldenText()
    {
        using var run = New(Turn);

        Assert.Equal(0, await run.RunAsync("invoke", "--harness", "hello", "--json", "Count the words."));
        Assert.Empty(run.Error);
        GoldenFile.Matches("invoke-json", run.Output);
    }

    [Fact]
    public async Task Verbose_PrintsEveryEventAsItCame()
    {
        using var run = New(Turn);

        Assert.Equal(0, await run.RunAsync("invoke", "--harness", "hello", "--session-id", Session, "--verbose", "Count the words."));
        var lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(Turn.Split('\n').Length, lines.Length);
        Assert.Equal("""{"messageStart":{"role":"assistant"}}""", lines[0]);
        Assert.Contains("""{"somethingNew":{"unknown":true}}""", lines);
    }

    [Fact]
    public async Task Request_CarriesMessageSessionAndOverrides()
    {
        using var run = New(Turn);

        await run.RunAsync(
            "invoke", "--harness", FakeService.Arn, "--session-id", Session, "--qualifier", "live", "--actor-id", "a1", "--user-id", "u1", "--model-id", "belay/scripted",
            "--allowed-tools", "shell", "--max-iterations", "3", "Hi");

        var sent = run.Service.Sent[0];
        Assert.Equal($"POST /harnesses/invoke?harnessArn={Uri.EscapeDataString(FakeService.Arn)}&qualifier=live", sent.Line);
        Assert.Equal(Session, sent.Headers["X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"]);
        Assert.Equal("u1", sent.Headers["X-Amzn-Bedrock-AgentCore-Runtime-User-Id"]);
        Assert.Equal(
            """{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"model":{"bedrockModelConfig":{"modelId":"belay/scripted"}},"allowedTools":["shell"],"maxIterations":3,"actorId":"a1"}""",
            sent.Body);
    }

    [Fact]
    public async Task Prompt_Dash_ReadsStandardInput()
    {
        using var run = New(Turn, input: "From a pipe.");

        Assert.Equal(0, await run.RunAsync("invoke", "--harness", FakeService.Arn, "--prompt", "-"));
        Assert.Equal("From a pipe.", (string?)run.Service.Sent[0].Json["messages"]![0]!["content"]![0]!["text"]);
    }

    [Theory]
    [InlineData("max_iterations_exceeded", 1)]
    [InlineData("timeout_exceeded", 1)]
    [InlineData("content_filtered", 1)]
    [InlineData("a_reason_of_tomorrow", 1)]
    [InlineData("stop_sequence", 0)]
    [InlineData("end_turn", 0)]
    public async Task StopReason_DecidesTheExitCode(string reason, int code)
    {
        using var run = New($$$"""
            messageStop {"stopReason":"{{{reason}}}"}
            metadata {"usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":5}}
            """);

        Assert.Equal(code, await run.RunAsync("invoke", "--harness", FakeService.Arn, "Hi"));
        Assert.Equal(code != 0, run.Error.Contains($"agent stopped: {reason}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task InlineFunction_SaysThatTheAgentWaits()
    {
        using var run = New("""
            messageStart {"role":"assistant"}
            contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t9","name":"approve_purchase"}}}
            contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"amount\":120}"}}}
            contentBlockStop {"contentBlockIndex":0}
            messageStop {"stopReason":"tool_use"}
            metadata {"usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":5}}
            """);

        Assert.Equal(0, await run.RunAsync("invoke", "--harness", FakeService.Arn, "Buy it"));
        Assert.Contains("The agent waits for you to run approve_purchase (t9). Answer in the same session with --messages.", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task EscapeSequencesOfTheModel_DoNotReachATerminal()
    {
        const string Events = """
            messageStart {"role":"assistant"}
            contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"\u001b]0;gotcha\u0007\u001b[2Jhi\u202etxt"}}
            contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t1","name":"sh\u001b[31mell"}}}
            contentBlockDelta {"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"command\":\"a\\u001b[1mb\\nc\"}"}}}
            contentBlockStop {"contentBlockIndex":1}
            messageStop {"stopReason":"end_turn"}
            """;
        using var screen = New(Events, together: true, terminal: true);
        using var pipe = New(Events);

        await screen.RunAsync("invoke", "--harness", FakeService.Arn, "Hi");
        await pipe.RunAsync("invoke", "--harness", FakeService.Arn, "Hi");

        Assert.DoesNotContain('\e', screen.Output);
        Assert.DoesNotContain('\a', screen.Output);
        Assert.DoesNotContain('\u202e', screen.Output);
        Assert.Contains("→ sh␛[31mell  a␛[1mb c", screen.Output, StringComparison.Ordinal);
        Assert.Contains("\e[2Jhi", pipe.Output, StringComparison.Ordinal);
    }

    private static CliRun New(string events, bool together = false, bool colour = false, bool terminal = false, string input = "")
    {
        var run = new CliRun { Together = together, IsTerminal = colour || terminal, Colour = colour, Input = input }.WithKey();
        run.Service.WithHarness().On("POST /harnesses/invoke", () => FakeService.Stream(events));
        return run;
    }
}
