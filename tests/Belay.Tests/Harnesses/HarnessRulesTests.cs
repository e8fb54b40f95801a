using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.Harnesses;
using Belay.Harnesses;

namespace Belay.Tests.Harnesses;

public sealed class HarnessRulesTests
{
    private const string ApiKey = "arn:aws:bedrock-agentcore:us-west-2:123456789012:token-vault/default/apikeycredentialprovider/key";
    private const string Gateway = "arn:aws:bedrock-agentcore:us-west-2:123456789012:gateway/company-abcdefghij";
    private const string S3Point = "arn:aws:s3files:us-west-2:123456789012:file-system/fs-0123456789abcdef0/access-point/fsap-0123456789abcdef0";
    private const string EfsPoint = "arn:aws:elasticfilesystem:us-west-2:123456789012:access-point/fsap-0123456789abcdef0";

    /// <summary>Members of a request, and the fields that must be named, in order; none when the members are right.</summary>
    public static TheoryData<string, string> Cases => new()
    {
        // environment
        { Env(""" "lifecycleConfiguration":{"idleRuntimeSessionTimeout":900,"maxLifetime":28800} """), "" },
        { Env(""" "lifecycleConfiguration":{"maxLifetime":28801} """), "environment.agentCoreRuntimeEnvironment.lifecycleConfiguration.maxLifetime" },
        { Env(""" "lifecycleConfiguration":{"idleRuntimeSessionTimeout":28801} """), "environment.agentCoreRuntimeEnvironment.lifecycleConfiguration.idleRuntimeSessionTimeout" },
        { Env(""" "lifecycleConfiguration":{"idleRuntimeSessionTimeout":61,"maxLifetime":60} """), "environment.agentCoreRuntimeEnvironment.lifecycleConfiguration.idleRuntimeSessionTimeout" },
        { Env(""" "networkConfiguration":{"networkMode":"VPC"} """), "environment.agentCoreRuntimeEnvironment.networkConfiguration.networkModeConfig" },
        { Env($$$$$""" "networkConfiguration":{"networkMode":"PUBLIC",{{{{{Vpc("")}}}}} """ + "}"), "environment.agentCoreRuntimeEnvironment.networkConfiguration.networkModeConfig" },
        { Env($$$$$""" "networkConfiguration":{"networkMode":"VPC",{{{{{Vpc(",\"requireServiceS3Endpoint\":false")}}}}} """ + "}"), "environment.agentCoreRuntimeEnvironment.networkConfiguration.networkModeConfig.requireServiceS3Endpoint" },
        { Files("PUBLIC", """{"sessionStorage":{"mountPath":"/mnt/a"}}"""), "" },
        { Files("PUBLIC", """{"sessionStorage":{"mountPath":"/mnt/a"}},{"sessionStorage":{"mountPath":"/mnt/b"}}"""), Fs(1, "sessionStorage") },
        { Files("VPC", $$$$$"""{"sessionStorage":{"mountPath":"/mnt/a"}},{{{{{Efs("/mnt/a/")}}}}}"""), Fs(1, "efsAccessPoint.mountPath") },
        { Files("VPC", $"{Efs("/mnt/a")},{Efs("/mnt/b")},{S3("/mnt/c")},{S3("/mnt/d")}"), "" },
        { Files("VPC", $"{Efs("/mnt/a")},{Efs("/mnt/b")},{Efs("/mnt/c")}"), Fs(2, "efsAccessPoint") },
        { Files("VPC", $"{S3("/mnt/a")},{S3("/mnt/b")},{S3("/mnt/c")}"), Fs(2, "s3FilesAccessPoint") },
        { Files("PUBLIC", $"{Efs("/mnt/a")},{S3("/mnt/b")}"), Fs(0, "efsAccessPoint") + " " + Fs(1, "s3FilesAccessPoint") },
        { Files("PUBLIC", """{"capacityProviderVolume":{"volumeName":"v","mountPath":"/mnt/a"}}"""), Fs(0, "capacityProviderVolume") },

        // environmentArtifact
        { Image("ubuntu"), "" },
        { Image("localhost:5000/lab/agent:1.2"), "" },
        { Image("ghcr.io/lab/agent@sha256:" + new string('a', 64)), "" },
        { Image("123456789012.dkr.ecr.us-west-2.amazonaws.com/agent:latest"), "" },
        { Image("UPPER/Case"), "environmentArtifact.containerConfiguration.containerUri" },
        { Image("https://ghcr.io/lab/agent"), "environmentArtifact.containerConfiguration.containerUri" },
        { Image("lab/agent:"), "environmentArtifact.containerConfiguration.containerUri" },
        { Image("-v /:/host alpine"), "environmentArtifact.containerConfiguration.containerUri" },

        // environmentVariables
        { """ "environmentVariables":{"A":"","_b9":"x"} """, "" },
        { """ "environmentVariables":{"9A":"x"} """, "environmentVariables.9A" },
        { """ "environmentVariables":{"A-B":"x"} """, "environmentVariables.A-B" },
        { """ "environmentVariables":{"A\n":"x"} """, "environmentVariables.A?" },
        { """ "environmentVariables":{"A":"x\u0000y"} """, "environmentVariables.A" },

        // authorizerConfiguration
        { Jwt(""" "allowedClients":["a"] """), "" },
        { """ "authorizerConfiguration":{"customJWTAuthorizer":{"discoveryUrl":"x/.well-known/openid-configuration"}} """, "authorizerConfiguration.customJWTAuthorizer.discoveryUrl" },
        { Jwt(""" "allowedWorkloadConfiguration":{} """), "" },
        { Jwt(""" "allowedWorkloadConfiguration":{"workloadIdentities":["abc"]} """), "authorizerConfiguration.customJWTAuthorizer.allowedWorkloadConfiguration" },
        { Jwt(Claim("STRING", "EQUALS", "\"matchValueString\":\"a\"")), "" },
        { Jwt(Claim("STRING_ARRAY", "CONTAINS", "\"matchValueString\":\"a\"")), "" },
        { Jwt(Claim("STRING_ARRAY", "CONTAINS_ANY", "\"matchValueStringList\":[\"a\"]")), "" },
        { Jwt(Claim("STRING", "CONTAINS", "\"matchValueString\":\"a\"")), "authorizerConfiguration.customJWTAuthorizer.customClaims[0]" },
        { Jwt(Claim("STRING_ARRAY", "EQUALS", "\"matchValueString\":\"a\"")), "authorizerConfiguration.customJWTAuthorizer.customClaims[0]" },
        { Jwt(Claim("STRING_ARRAY", "CONTAINS_ANY", "\"matchValueString\":\"a\"")), "authorizerConfiguration.customJWTAuthorizer.customClaims[0]" },

        // model
        { """ "model":{"bedrockModelConfig":{"modelId":"m","additionalParams":{"additionalModelRequestFields":{"a":1},"belay":{"fallbacks":[]}}}} """, "" },
        { """ "model":{"bedrockModelConfig":{"modelId":""}} """, "model.bedrockModelConfig.modelId" },
        { $$$$$""" "model":{"bedrockModelConfig":{"modelId":"{{{{{new string('m', 2049)}}}}}" """ + "}}", "model.bedrockModelConfig.modelId" },
        { """ "model":{"bedrockModelConfig":{"modelId":"belay/scripted"}} """, "" },
        { """ "model":{"bedrockModelConfig":{"modelId":"belay/other"}} """, "model.bedrockModelConfig.modelId" },
        { """ "model":{"bedrockModelConfig":{"modelId":"m","additionalParams":[1]}} """, "model.bedrockModelConfig.additionalParams" },
        { """ "model":{"bedrockModelConfig":{"modelId":"m","additionalParams":{"messages":[],"toolConfig":{},"belay":1}}} """, "model.bedrockModelConfig.additionalParams.messages model.bedrockModelConfig.additionalParams.toolConfig model.bedrockModelConfig.additionalParams.belay" },
        { Fallbacks("""{"bedrockModelConfig":{"modelId":"m"}},{"liteLlmModelConfig":{"modelId":"openai/m","apiBase":"http://127.0.0.1:1"}}"""), "" },
        { Fallbacks("""{"bedrockModelConfig":{"modelId":""}},{"liteLlmModelConfig":{"modelId":"foo/x","apiBase":"http://169.254.169.254"}},{"bedrockModelConfig":{"modelId":"m","additionalParams":{"messages":[]}}}"""), $"{Own}.fallbacks[0].bedrockModelConfig.modelId {Own}.fallbacks[1].liteLlmModelConfig.apiBase {Own}.fallbacks[2].bedrockModelConfig.additionalParams.messages" },
        { Fallbacks("""{"bedrockModelConfig":{"modelId":"m","temperature":3}},{"bedrockModelConfig":{}},{},{"bedrockModelConfig":{"modelId":"m"},"liteLlmModelConfig":{"modelId":"m"}},7"""), $"{Own}.fallbacks[0].bedrockModelConfig.temperature {Own}.fallbacks[1].bedrockModelConfig.modelId {Own}.fallbacks[2] {Own}.fallbacks[3] {Own}.fallbacks[4]" },
        { Fallbacks(string.Join(',', Enumerable.Repeat("""{"bedrockModelConfig":{"modelId":"m"}}""", 6))), $"{Own}.fallbacks" },
        { Fallbacks("""{"bedrockModelConfig":{"modelId":"m","additionalParams":{"belay":{"fallbacks":[]}}}}"""), $"{Own}.fallbacks[0].bedrockModelConfig.additionalParams.belay.fallbacks" },
        { """ "model":{"bedrockModelConfig":{"modelId":"m","additionalParams":{"belay":{"caching":true,"promptCaching":1,"fallbacks":{}}}}} """, $"{Own}.caching {Own}.promptCaching {Own}.fallbacks" },
        { OpenAi(""" "apiBase":"http://127.0.0.1:8000/v1" """), "" },
        { OpenAi(""" "apiBase":"http://169.254.169.254/v1" """), "model.openAiModelConfig.apiBase" },
        { OpenAi(""" "apiBase":"http://[fe80::1]/v1" """), "model.openAiModelConfig.apiBase" },
        { OpenAi(""" "apiBase":"http://[::ffff:169.254.169.254]/v1" """), "model.openAiModelConfig.apiBase" },
        { OpenAi(""" "apiBase":"ftp://host/v1" """), "model.openAiModelConfig.apiBase" },
        { OpenAi(""" "additionalParams":{"stream":false,"model":"x"} """), "model.openAiModelConfig.additionalParams.stream model.openAiModelConfig.additionalParams.model" },
        { $$$$$""" "model":{"geminiModelConfig":{"modelId":"g","apiKeyArn":"{{{{{ApiKey}}}}}","additionalParams":{"contents":[]}}} """, "model.geminiModelConfig.additionalParams.contents" },
        { Lite("gpt-x"), "" },
        { Lite("openai/gpt-x"), "" },
        { Lite("openai/responses/gpt-x"), "" },
        { Lite("belay/scripted"), "" },
        { Lite("belay/other"), "model.liteLlmModelConfig.modelId" },
        { Lite("foo/gpt-x"), "model.liteLlmModelConfig.modelId" },
        { Lite("xai/grok"), "" },
        { Lite("foo/gpt-x", "http://127.0.0.1:1/v1"), "" },
        { Lite("foo/", "http://127.0.0.1:1/v1"), "model.liteLlmModelConfig.modelId" },
        { Lite("/gpt-x", "http://127.0.0.1:1/v1"), "model.liteLlmModelConfig.modelId" },
        { Lite("foo/gpt-x", "http://[64:ff9b::a9fe:a9fe]/v1"), "model.liteLlmModelConfig.apiBase" },
        { Lite("foo/gpt-x", "http://user@host/v1"), "model.liteLlmModelConfig.apiBase" },
        { Lite("openai/"), "model.liteLlmModelConfig.modelId" },

        // tools
        { """ "tools":[{"type":"agentcore_browser"},{"type":"agentcore_code_interpreter"}] """, "" },
        { """ "tools":[{"type":"remote_mcp"},{"type":"agentcore_gateway"},{"type":"inline_function"}] """, "tools[0].config tools[1].config tools[2].config" },
        { """ "tools":[{"type":"agentcore_browser","config":{"agentCoreCodeInterpreter":{}}}] """, "tools[0].config" },
        { """ "tools":[{"type":"agentcore_browser","name":"a"},{"type":"agentcore_browser","name":"a"}] """, "tools[1].name" },
        { """ "tools":[{"type":"agentcore_browser","name":"builtin"},{"type":"agentcore_browser","name":"shell"},{"type":"agentcore_browser","name":"file_operations"}] """, "tools[0].name tools[1].name tools[2].name" },
        { $$$$$""" "tools":[{"type":"agentcore_gateway","config":{"agentCoreGateway":{"gatewayArn":"{{{{{Gateway}}}}}"}}},{"type":"agentcore_gateway","config":{"agentCoreGateway":{"gatewayArn":"{{{{{Gateway}}}}}"}}}] """, "tools[1].config.agentCoreGateway.gatewayArn" },
        { Mcp("https://mcp.example.com/mcp", """ "Authorization":"Bearer ${KEY}" """), "" },
        { Mcp("https://mcp.example.com/mcp", """ "X-Two":"${KEY} and ${KEY}" """), "" },
        { Mcp("https://mcp.example.com/mcp", """ "Authorization":"Bearer ${ENV_NAME}" """), "tools[0].config.remoteMcp.headers.Authorization" },
        { Mcp("https://mcp.example.com/mcp", """ "Authorization":"Bearer ${KEY" """), "tools[0].config.remoteMcp.headers.Authorization" },
        { Mcp("https://mcp.example.com/mcp", """ "host":"a","Mcp-Session-Id":"b","content-length":"1","Connection":"c","Transfer-Encoding":"d" """), "tools[0].config.remoteMcp.headers.host tools[0].config.remoteMcp.headers.Mcp-Session-Id tools[0].config.remoteMcp.headers.content-length tools[0].config.remoteMcp.headers.Connection tools[0].config.remoteMcp.headers.Transfer-Encoding" },
        { Mcp("https://mcp.example.com/mcp", """ "A B":"a","C":"x\r\nD: y" """), "tools[0].config.remoteMcp.headers.A B tools[0].config.remoteMcp.headers.C" },
        { Mcp("http://mcp.example.com/mcp", ""), "tools[0].config.remoteMcp.url" },
        { Mcp("http://localhost:3000/mcp", ""), "" },
        { Mcp("http://10.1.2.3/mcp", ""), "" },
        { Mcp("http://172.32.0.1/mcp", ""), "tools[0].config.remoteMcp.url" },
        { Mcp("file:///etc/passwd", ""), "tools[0].config.remoteMcp.url" },
        { Mcp("mcp.example.com", ""), "tools[0].config.remoteMcp.url" },
        { Inline("""{"type":"object","properties":{}}"""), "" },
        { Inline("{}"), "" },
        { Inline("[]"), "tools[0].config.inlineFunction.inputSchema" },
        { Inline("""{"type":"string"}"""), "tools[0].config.inlineFunction.inputSchema.type" },
        { Inline("""{"type":"dict","properties":{"a":{"type":"float"}}}"""), "" },
        { Inline("""{"properties":{"a":{"$ref":"https://example.com/a"}}}"""), "tools[0].config.inlineFunction.inputSchema.properties.a.$ref" },
        { Inline("""{"anyOf":[{}]}""") + """ ,"model":{"bedrockModelConfig":{"modelId":"anthropic.claude-x"}}""", "tools[0].config.inlineFunction.inputSchema.anyOf" },
        { Inline("""{"anyOf":[{}]}""") + """ ,"allowedTools":["shell"],"model":{"bedrockModelConfig":{"modelId":"anthropic.claude-x"}}""", "" },

        // skills
        { """ "skills":[{"path":"skills/a"},{"s3":{"uri":"s3://bucket/skills/"}},{"git":{"url":"https://git.example.com/a.git","path":"docx"}},{"awsSkills":{"paths":["core-skills/*"]}}] """, "" },
        { """ "skills":[{"path":"a\u0000b"}] """, "skills[0].path" },
        { """ "skills":[{"s3":{"uri":"s3://"}}] """, "skills[0].s3.uri" },
        { """ "skills":[{"git":{"url":"https://git.example.com/a.git","path":"../x"}}] """, "skills[0].git.path" },
        { """ "skills":[{"git":{"url":"https://git.example.com/a.git","path":"/x"}}] """, "skills[0].git.path" },
        { """ "skills":[{"git":{"url":"http://git.example.com/a.git"}}] """, "skills[0].git.url" },
        { $$$$$""" "skills":[{"git":{"url":"https://git.example.com/a.git","auth":{"credentialArn":"{{{{{ApiKey}}}}}","username":"a:b"}}}] """, "skills[0].git.auth.username" },
        { """ "skills":[{"awsSkills":{"paths":["ok","/abs","a/../b"]}}] """, "skills[0].awsSkills.paths[1] skills[0].awsSkills.paths[2]" },

        // allowedTools
        { """ "allowedTools":["*","shell","file_*","@builtin","@builtin/shell","@*/web_find","none"] """, "" },
        { """ "allowedTools":["@","server/tool"] """, "allowedTools[0] allowedTools[1]" },

        // memory
        { """ "memory":{"managedMemoryConfiguration":{"strategies":["SEMANTIC","SEMANTIC"]}} """, "memory.managedMemoryConfiguration.strategies" },
        { Attached(""" "messagesCount":10000,"retrievalConfig":{"/a/":{"topK":100,"relevanceScore":1}} """), "" },
        { Attached(""" "messagesCount":0,"actorId":"" """), "memory.agentCoreMemoryConfiguration.actorId memory.agentCoreMemoryConfiguration.messagesCount" },
        { Attached(""" "retrievalConfig":{"/a/":{"topK":0,"relevanceScore":1.5}} """), "memory.agentCoreMemoryConfiguration.retrievalConfig./a/.topK memory.agentCoreMemoryConfiguration.retrievalConfig./a/.relevanceScore" },

        // truncation
        { """ "truncation":{"strategy":"none"} """, "" },
        { """ "truncation":{"strategy":"none","config":{"slidingWindow":{}}} """, "truncation.config" },
        { """ "truncation":{"strategy":"sliding_window","config":{"summarization":{}}} """, "truncation.config" },
        { """ "truncation":{"strategy":"summarization","config":{"slidingWindow":{}}} """, "truncation.config" },
        { """ "truncation":{"strategy":"sliding_window","config":{"slidingWindow":{"messagesCount":0}}} """, "truncation.config.slidingWindow.messagesCount" },
        { """ "truncation":{"strategy":"summarization","config":{"summarization":{"summaryRatio":1.1,"preserveRecentMessages":-1}}} """, "truncation.config.summarization.preserveRecentMessages truncation.config.summarization.summaryRatio" },

        // limits, tags, hooks
        { """ "maxIterations":1,"maxTokens":1,"timeoutSeconds":1 """, "" },
        { """ "maxIterations":0,"maxTokens":-1,"timeoutSeconds":0 """, "maxIterations maxTokens timeoutSeconds" },
        { """ "tags":{"aws:x":"1","AWS:y":"2","belay:x":"3"} """, "tags.aws:x tags.AWS:y" },
        { """ "hooks":[] """, "" },
        { """ "hooks":[{"beforeInvocation":{}}] """, "hooks" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void EachRule_NamesItsField(string members, string fields)
    {
        Assert.Equal(fields, Fields(members, new()));
    }

    [Fact]
    public void AllProblems_AtOnce()
    {
        Assert.Equal("tools[0].config maxIterations hooks", Fields(""" "hooks":[{}],"maxIterations":0,"tools":[{"type":"remote_mcp"}] """, new()));
    }

    [Fact]
    public void Update_NamesThePathInsideTheWrapper()
    {
        var request = JsonSerializer.Deserialize(
            """
            {"harnessId":"a-0123456789","memory":{"optionalValue":{"managedMemoryConfiguration":{"strategies":["SEMANTIC","SEMANTIC"]}}},
             "environmentArtifact":{"optionalValue":{"containerConfiguration":{"containerUri":"A"}}},
             "authorizerConfiguration":{"optionalValue":{"customJWTAuthorizer":{"discoveryUrl":"x/.well-known/openid-configuration"}}},"hooks":[{}]}
            """,
            BelayJson.Default.UpdateHarnessRequest)!;

        Assert.Equal(
            [
                "environmentArtifact.optionalValue.containerConfiguration.containerUri",
                "authorizerConfiguration.optionalValue.customJWTAuthorizer.discoveryUrl",
                "memory.optionalValue.managedMemoryConfiguration.strategies",
                "hooks",
            ],
            HarnessRules.Update(request, new()).Select(problem => problem.Name));
    }

    [Fact]
    public void Settings_LiftOrTighten()
    {
        var relaxed = new CatalogSettings { RelaxVpc = true, AllowLongSessions = true, AllowInsecureMcp = true };
        Assert.Equal("", Fields(Files("PUBLIC", Efs("/mnt/a")), relaxed));
        Assert.Equal("", Fields(Env(""" "lifecycleConfiguration":{"maxLifetime":1209600,"idleRuntimeSessionTimeout":1209600} """), relaxed));
        Assert.Equal(
            "environment.agentCoreRuntimeEnvironment.lifecycleConfiguration.idleRuntimeSessionTimeout",
            Fields(Env(""" "lifecycleConfiguration":{"idleRuntimeSessionTimeout":28801} """), relaxed));
        Assert.Equal("", Fields(Mcp("http://mcp.example.com/mcp", ""), relaxed));

        var strict = new CatalogSettings { StrictContainerUri = true };
        Assert.Equal("environmentArtifact.containerConfiguration.containerUri", Fields(Image("ghcr.io/lab/agent"), strict));
        Assert.Equal("", Fields(Image("public.ecr.aws/lab/agent:1"), strict));
        Assert.Equal("", Fields(Image("123456789012.dkr.ecr.us-west-2.amazonaws.com/agent:latest"), strict));
    }

    [Fact]
    public void SystemPrompt_HasABound()
    {
        IReadOnlyList<HarnessSystemContentBlock> blocks = [new() { Text = new string('a', 600_000) }, new() { Text = new string('a', 600_000) }];

        Assert.Equal(["systemPrompt"], HarnessRules.SystemPrompt(blocks, "systemPrompt").Select(problem => problem.Name));
        Assert.Empty(HarnessRules.SystemPrompt([blocks[0]], "systemPrompt"));
    }

    [Fact]
    public void Problems_NeverShowSensitiveValues()
    {
        var problems = HarnessRules.Create(Request(Mcp("ftp://user:secret@host/", """ "Authorization":"${secret}" """)), new());

        Assert.DoesNotContain(problems, problem => (problem.Name + problem.Message).Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public void NullAndEmptyParts_AreSkipped()
    {
        Assert.Equal("", Fields(""" "tools":[null],"skills":[null,{}],"allowedTools":[null],"systemPrompt":[null,{}],"model":{},"memory":{},"environment":{} """, new()));
    }

    [Theory]
    [InlineData("""{"type":"agentcore_browser"}""", "browser")]
    [InlineData("""{"type":"agentcore_code_interpreter"}""", "code_interpreter")]
    [InlineData("""{"type":"inline_function","config":{"inlineFunction":{"description":"d","inputSchema":{}}}}""", "inline_function")]
    [InlineData("""{"type":"agentcore_gateway","config":{"agentCoreGateway":{"gatewayArn":"arn:aws:bedrock-agentcore:us-west-2:123456789012:gateway/my-company-abcdefghij"}}}""", "my-company")]
    [InlineData("""{"type":"remote_mcp","config":{"remoteMcp":{"url":"https://mcp.api.example.com/x"}}}""", "example")]
    [InlineData("""{"type":"remote_mcp","config":{"remoteMcp":{"url":"https://www.search.io/x"}}}""", "search")]
    [InlineData("""{"type":"remote_mcp","config":{"remoteMcp":{"url":"http://127.0.0.1:9/x"}}}""", "127_0_0_1")]
    [InlineData("""{"type":"remote_mcp","config":{"remoteMcp":{"url":"http://[::1]:9/x"}}}""", "__1")]
    [InlineData("""{"type":"remote_mcp","config":{"remoteMcp":{"url":"http://mcp/x"}}}""", "remote_mcp")]
    [InlineData("""{"type":"remote_mcp","config":{"remoteMcp":{"url":"http://shell.example.com/x"}}}""", "shell_2")]
    public void NameTools_SuggestsFromSettings(string tool, string name)
    {
        var entry = JsonSerializer.Deserialize(tool, BelayJson.Default.HarnessTool)!;

        Assert.Equal(name, HarnessRules.NameTools([entry])[0].Name);
    }

    [Fact]
    public void NameTools_KeepsGivenNames_AndNumbersTheRest()
    {
        IReadOnlyList<HarnessTool> tools =
        [
            new() { Type = HarnessToolType.AgentCoreBrowser },
            new() { Type = HarnessToolType.AgentCoreBrowser, Name = "browser" },
            new() { Type = HarnessToolType.AgentCoreBrowser },
        ];

        var named = HarnessRules.NameTools(tools);

        Assert.Equal(["browser_2", "browser", "browser_3"], named.Select(tool => tool.Name));
        Assert.Equal(named, HarnessRules.NameTools(named));
    }

    private static string Fields(string members, CatalogSettings settings) =>
        string.Join(' ', HarnessRules.Create(Request(members), settings).Select(problem => problem.Name));

    private static CreateHarnessRequest Request(string members) =>
        JsonSerializer.Deserialize($$$$$"""{"harnessName":"agent","executionRoleArn":"{{{{{TestCatalog.Role}}}}}",{{{{{members}}}}}}""", BelayJson.Default.CreateHarnessRequest)!;

    private static string Env(string members) => "\"environment\":{\"agentCoreRuntimeEnvironment\":{" + members + "}}";

    private static string Vpc(string more) => "\"networkModeConfig\":{\"securityGroups\":[\"sg-12345678\"],\"subnets\":[\"subnet-12345678\"]" + more + "}";

    private static string Files(string mode, string files) => Env(
        $"\"networkConfiguration\":{{\"networkMode\":\"{mode}\"{(mode == "VPC" ? "," + Vpc("") : "")}}},\"filesystemConfigurations\":[{files}]");

    private static string Efs(string path) => $"{{\"efsAccessPoint\":{{\"accessPointArn\":\"{EfsPoint}\",\"mountPath\":\"{path}\"}}}}";

    private static string S3(string path) => $"{{\"s3FilesAccessPoint\":{{\"accessPointArn\":\"{S3Point}\",\"mountPath\":\"{path}\"}}}}";

    private static string Fs(int at, string member) => $"environment.agentCoreRuntimeEnvironment.filesystemConfigurations[{at}].{member}";

    private static string Image(string uri) => $"\"environmentArtifact\":{{\"containerConfiguration\":{{\"containerUri\":\"{uri}\"}}}}";

    private static string Jwt(string members) =>
        "\"authorizerConfiguration\":{\"customJWTAuthorizer\":{\"discoveryUrl\":\"https://id.example.com/.well-known/openid-configuration\"," + members + "}}";

    private static string Claim(string type, string comparison, string value) =>
        $"\"customClaims\":[{{\"inboundTokenClaimName\":\"c\",\"inboundTokenClaimValueType\":\"{type}\",\"authorizingClaimMatchValue\":{{\"claimMatchValue\":{{{value}}},\"claimMatchOperator\":\"{comparison}\"}}}}]";

    private const string Own = "model.bedrockModelConfig.additionalParams.belay";

    private static string Fallbacks(string list) => $$$$$""" "model":{"bedrockModelConfig":{"modelId":"m","additionalParams":{"belay":{"fallbacks":[{{{{{list}}}}}]}}}} """;

    private static string OpenAi(string members) => $"\"model\":{{\"openAiModelConfig\":{{\"modelId\":\"gpt-x\",\"apiKeyArn\":\"{ApiKey}\",{members}}}}}";

    private static string Lite(string modelId, string? apiBase = null) =>
        $"\"model\":{{\"liteLlmModelConfig\":{{\"modelId\":\"{modelId}\"{(apiBase is null ? "" : $",\"apiBase\":\"{apiBase}\"")}}}}}";

    private static string Mcp(string url, string headers) =>
        $"\"tools\":[{{\"type\":\"remote_mcp\",\"config\":{{\"remoteMcp\":{{\"url\":\"{url}\",\"headers\":{{{headers.Replace("KEY", ApiKey, StringComparison.Ordinal)}}}}}}}}}]";

    private static string Inline(string schema) =>
        $"\"tools\":[{{\"type\":\"inline_function\",\"config\":{{\"inlineFunction\":{{\"description\":\"d\",\"inputSchema\":{schema}}}}}}}]";

    private static string Attached(string members) =>
        "\"memory\":{\"agentCoreMemoryConfiguration\":{\"arn\":\"arn:aws:bedrock-agentcore:us-west-2:123456789012:memory/shared-0123456789\"," + members + "}}";
}
