using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Belay.Contracts;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Contracts.Runtimes;
using Belay.Contracts.Validation;

namespace Belay.Tests.Validation;

public sealed class ShapeValidatorTests
{
    private const string Role = "arn:aws:iam::123456789012:role/MyHarnessRole";

    [Fact]
    public void MinimalCreate_IsValid() =>
        Assert.Empty(Problems(BelayJson.Default.CreateHarnessRequest, $$"""{"harnessName":"MyHarness","executionRoleArn":"{{Role}}"}"""));

    [Fact]
    public void EveryProblem_IsReportedAtOnce() => Assert.Equal(
        [
            "harnessName must match [a-zA-Z][a-zA-Z0-9_]{0,39}",
            "clientToken must have 33 to 256 characters, but has 5",
            "maxIterations must be a whole number of 32 bits",
            "tags.\"\" has a key that must have 1 to 128 characters, but has 0",
            @"tags.b must match [a-zA-Z0-9\s._:/=+@-]*",
            @"allowedTools[1] must match (\*|@?[^/]+(/[^/]+)?)",
            "hooks must be an array",
            "executionRoleArn is required",
        ],
        Problems(
            BelayJson.Default.CreateHarnessRequest,
            """{"harnessName":"1","clientToken":"short","maxIterations":3.5,"tags":{"":"x","b":"ü"},"allowedTools":["*","a/b/c"],"hooks":{}}"""));

    [Fact]
    public void NestedPaths_HaveDotsAndIndices() => Assert.Equal(
        [
            "messages[0].role must be one of user, assistant",
            "messages[0].content[0].text must have at least 1 character, but has 0",
            "messages[0].content[1] must have exactly one of the members text, toolUse, toolResult, reasoningContent, but has none",
            "messages[0].content[2] must have exactly one of the members text, toolUse, toolResult, reasoningContent, but has text, toolUse",
            "messages[0].content[3].toolUse.input is required",
            "messages[0].content[4].reasoningContent.redactedContent must be base64 with padding",
            "messages[1] must be an object",
            "messages[2] must not be null",
        ],
        Problems(
            BelayJson.Default.InvokeHarnessRequest,
            """
            {"harnessArn":"arn:aws:bedrock-agentcore:us-west-2:123456789012:harness/a-0123456789","runtimeSessionId":"123456789012345678901234567890123",
             "messages":[{"role":"system","content":[{"text":""},{"futureBlock":{}},
               {"text":"a","toolUse":{"name":"n","toolUseId":"i","input":{}}},
               {"toolUse":{"name":"n","toolUseId":"i","input":null}},
               {"reasoningContent":{"redactedContent":"?"}}]}, 3, null]}
            """));

    [Fact]
    public void NullMembers_AreAbsent()
    {
        Assert.Empty(Problems(
            BelayJson.Default.CreateHarnessRequest,
            $$"""{"harnessName":"MyHarness","executionRoleArn":"{{Role}}","tags":null,"maxTokens":null,"model":null,"hooks":[]}"""));
        Assert.Equal(["harnessName is required"], Problems(BelayJson.Default.CreateHarnessRequest, $$"""{"harnessName":null,"executionRoleArn":"{{Role}}"}"""));
    }

    [Theory]
    [InlineData("""{"text":"a","__type":"x"}""", true)]
    [InlineData("""{"text":"a","toolUse":null}""", true)]
    [InlineData("""{"text":null}""", false)]
    [InlineData("""{"__type":"x"}""", false)]
    [InlineData("""{"text":"a","text":null}""", false)]
    [InlineData("""{"text":5,"text":"a"}""", false)]
    [InlineData("""{"text":"a","text":"b"}""", true)]
    public void Union_WantsExactlyOneMember(string block, bool valid)
    {
        var json = $$"""{"role":"user","content":[{{block}}]}""";
        var type = (JsonTypeInfo<HarnessMessage>)BelayJson.Default.GetTypeInfo(typeof(HarnessMessage))!;

        Assert.Equal(valid, Problems(type, json).Count == 0);
        if (valid)
        {
            Assert.NotNull(JsonSerializer.Deserialize(json, type)!.Content[0].Text);
        }
    }

    [Theory]
    [InlineData("3", 3)]
    [InlineData("3.0", 3)]
    [InlineData("3e2", 300)]
    [InlineData("-0", 0)]
    [InlineData("3.5", null)]
    [InlineData("2147483648", null)]
    [InlineData("1e400", null)]
    [InlineData("\"3\"", null)]
    [InlineData("true", null)]
    public void Integers_MayHaveAZeroFraction(string number, int? value)
    {
        var json = $$"""{"command":"ls","timeout":{{number}}}""";
        var type = (JsonTypeInfo<InvokeAgentRuntimeCommandRequestBody>)BelayJson.Default.GetTypeInfo(typeof(InvokeAgentRuntimeCommandRequestBody))!;

        Assert.Equal(value is null ? 1 : 0, Problems(type, json).Count);
        if (value is not null)
        {
            Assert.Equal(value, JsonSerializer.Deserialize(json, type)!.Timeout);
        }
    }

    [Theory]
    [InlineData(65536, "x", true)]
    [InlineData(65537, "x", false)]
    [InlineData(65536, "ü", true)]
    [InlineData(65536, "😀", true)]
    [InlineData(65537, "😀", false)]
    [InlineData(65536, "\\n", true)]
    [InlineData(65537, "\\n", false)]
    [InlineData(65536, "\\ud83d\\ude00", true)]
    [InlineData(65537, "\\uD83D\\uDE00", false)]
    [InlineData(65537, "\\u00e4", false)]
    public void Length_IsCountedInCodePoints(int count, string character, bool valid)
    {
        var json = $$"""{"command":"{{string.Concat(Enumerable.Repeat(character, count))}}"}""";
        var type = (JsonTypeInfo<InvokeAgentRuntimeCommandRequestBody>)BelayJson.Default.GetTypeInfo(typeof(InvokeAgentRuntimeCommandRequestBody))!;

        Assert.Equal(valid ? [] : new[] { $"command must have 1 to 65536 characters, but has {count}" }, Problems(type, json));
    }

    [Fact]
    public void NoMessage_RepeatsAValue()
    {
        var problems = Problems(
            BelayJson.Default.CreateHarnessRequest,
            """{"harnessName":"s3cr3t!","executionRoleArn":"s3cr3t","environmentVariables":{"KEY":["s3cr3t"]},"model":"s3cr3t","clientToken":"s3cr3t"}""");

        Assert.True(problems.Count >= 5);
        Assert.DoesNotContain(problems, problem => problem.Contains("s3cr3t", StringComparison.Ordinal));
    }

    [Fact]
    public void HostileBody_GivesABoundedAnswer()
    {
        var json = "{\"messages\":[" + string.Join(',', Enumerable.Repeat("{}", 50_000)) + "]}";

        Assert.Equal(ShapeValidator.MaxProblems, Problems(BelayJson.Default.InvokeHarnessRequest, json).Count);
        var long1 = Problems(BelayJson.Default.TagResourceRequest, $$"""{"resourceArn":null,"tags":{"{{new string('k', 100_000)}}":5} }""");
        Assert.All(long1, problem => Assert.True(problem.Length < 300));
    }

    /// <summary>Whatever the validator passes can be deserialised: random edits of valid requests never get past it and then fail.</summary>
    [Fact]
    public void WhatPasses_Deserialises()
    {
        var random = new Random(42);
        string[] values = ["null", "1", "1.0", "-1", "1e999", "\"x\"", "\"\"", "true", "[]", "{}", "[null]", "[[]]", "{\"a\":1}", "\"2026-01-01T00:00:00Z\"", "\"AAAA\""];
        var names = AllMemberNames();
        var passed = 0;
        for (var round = 0; round < 20_000; round++)
        {
            string Value(int depth) => depth == 0 || random.Next(3) == 0 ? values[random.Next(values.Length)] : random.Next(3) == 0 ? $"[{Value(depth - 1)}]" : Object(depth - 1);
            string Object(int depth) => "{" + string.Join(',', Enumerable.Range(0, random.Next(4)).Select(_ => $"\"{names[random.Next(names.Length)]}\":{Value(depth)}")) + "}";
            var type = Requests[random.Next(Requests.Length)];
            var json = Object(5);
            using var document = JsonDocument.Parse(json);
            if (ShapeValidator.Validate(type, document.RootElement).Count == 0)
            {
                Assert.NotNull(JsonSerializer.Deserialize(json, type));
                passed++;
            }
        }

        Assert.True(passed > 500, $"only {passed} passed");
    }

    [Fact]
    public void EveryPatternOfEveryRecord_Compiles()
    {
        var patterns = typeof(BelayJson).Assembly.GetTypes().SelectMany(type => type.GetProperties())
            .SelectMany(property => property.GetCustomAttributes<BoundAttribute>())
            .Select(bound => bound.Pattern).OfType<string>().Distinct().ToList();

        // In linear time, and without a deadline that a busy machine would miss.
        Assert.All(patterns, pattern => Assert.Equal((RegexOptions.NonBacktracking, Regex.InfiniteMatchTimeout), (WirePattern.Compile(pattern).Options & RegexOptions.NonBacktracking, WirePattern.Compile(pattern).MatchTimeout)));
        Assert.NotEmpty(patterns);
    }

    [Theory]
    [InlineData("[a-c][a-c0-2_]{0,3}-[a-c]{2}")]
    [InlineData("a([^:]+)?:[b-c0-]+")]
    [InlineData("(?:a+)(b)?[^-]{1,2}.*")]
    [InlineData(@"\d{2,}\/[a\s.:-]*\S?")]
    [InlineData("a{2}a*a?")]
    public void FlatPattern_MatchesWhatTheEngineMatches(string pattern)
    {
        const string Alphabet = "aabbc012-_:/. h\n\u00e9";
        var flat = FlatPattern.TryParse(pattern)!;
        var engine = WirePattern.Compile(pattern);
        var random = new Random(20261121);
        var matched = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(9)).Select(_ => Alphabet[random.Next(Alphabet.Length)])]);
            var expected = engine.IsMatch(text);
            Assert.True(expected == flat.Matches(text), $"{pattern} and {JsonSerializer.Serialize(text)}: the engine says {expected}");
            matched += expected ? 1 : 0;
        }

        Assert.NotEqual(0, matched);
    }

    [Theory]
    [InlineData(Patterns.HarnessArn)]
    [InlineData(Patterns.EndpointName)]
    [InlineData(Patterns.ToolName)]
    [InlineData(Patterns.ApiKeyArn)]
    [InlineData("[a-zA-Z0-9][a-zA-Z0-9-_]*")]
    public void PatternsOfEveryInvocation_AreFlat(string pattern) => Assert.NotNull(FlatPattern.TryParse(pattern));

    [Theory]
    [InlineData("a|b")]
    [InlineData("(ab)+")]
    [InlineData("(a*)?")]
    [InlineData("(a{2}){3}")]
    [InlineData("a+?")]
    [InlineData("(?=a)")]
    [InlineData("[a-z-[b]]")]
    [InlineData("[é]")]
    [InlineData("(a")]
    [InlineData("a)")]
    [InlineData(@"\x0B")]
    public void FlatPattern_LeavesTheRestToTheEngine(string pattern) => Assert.Null(FlatPattern.TryParse(pattern));

    [Fact]
    public void FlatPattern_LongText_TakesNoStack() =>
        Assert.True(FlatPattern.TryParse("a+[ab]*b")!.Matches(string.Concat(Enumerable.Repeat("aab", 100_000))));

    [Theory]
    [InlineData(@"\d{2}", "12", true)]
    [InlineData(@"\d{2}", "١٢", false)]
    [InlineData(@"[\d-]+", "1-2", true)]
    [InlineData(@"\S*", "a b", false)]
    [InlineData(@"[\s]", "\u00a0", false)]
    [InlineData("a|b", "ab", false)]
    [InlineData("a", "a\n", false)]
    [InlineData(@"\[\d\]", "[1]", true)]
    public void Pattern_MatchesTheWholeTextInAscii(string pattern, string text, bool matches) => Assert.Equal(matches, WirePattern.Matches(pattern, text));

    private static readonly JsonTypeInfo[] Requests =
    [
        BelayJson.Default.CreateHarnessRequest, BelayJson.Default.UpdateHarnessRequest, BelayJson.Default.InvokeHarnessRequest,
        BelayJson.Default.InvokeAgentRuntimeCommandRequest, BelayJson.Default.TagResourceRequest, BelayJson.Default.UntagResourceRequest,
        BelayJson.Default.StopRuntimeSessionRequest, BelayJson.Default.ListHarnessesRequest, BelayJson.Default.DeleteHarnessRequest,
        Union<HarnessModelConfiguration>(), Union<HarnessMessage>(), Union<HarnessTool>(), Union<HarnessSkill>(), Union<HarnessMemoryConfiguration>(),
        Union<AuthorizerConfiguration>(), Union<HarnessTruncationConfiguration>(), Union<HarnessEnvironmentProviderRequest>(),
    ];

    private static JsonTypeInfo Union<T>() => BelayJson.Default.GetTypeInfo(typeof(T))!;

    private static string[] AllMemberNames()
    {
        var names = new HashSet<string>();
        var seen = new HashSet<Shape>();
        void Visit(Shape shape)
        {
            if (!seen.Add(shape))
            {
                return;
            }

            if (shape.Item is not null)
            {
                Visit(shape.Item);
            }

            foreach (var member in shape.Kind == ShapeKind.Structure ? shape.Members : [])
            {
                names.Add(member.Name);
                Visit(member.Shape);
            }
        }

        foreach (var type in Requests)
        {
            Visit(Shape.Of(type));
        }

        return [.. names.Order(StringComparer.Ordinal)];
    }

    private static List<string> Problems(JsonTypeInfo type, string json)
    {
        using var document = JsonDocument.Parse(json);
        return [.. ShapeValidator.Validate(type, document.RootElement).Select(problem => $"{problem.Name} {problem.Message}")];
    }
}
