using System.Text;
using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.EventStream;
using Belay.Contracts.Faults;
using Belay.Contracts.Invocations;
using Belay.Contracts.Runtimes;
using Belay.Server;
using Belay.Server.Wire;
using Belay.Tests.ServiceModels;

namespace Belay.Tests.Wire;

public sealed class WireTests
{
    [Fact]
    public async Task Healthz_IsOpenToAll()
    {
        await using var server = await WireServer.StartAsync();

        Assert.Equal("ok\n", await server.Http.GetStringAsync(new Uri("/healthz", UriKind.Relative)));
    }

    [Theory]
    [InlineData("/tags/arn%3Aaws%3Abedrock-agentcore%3Aus-west-2%3A000000000000%3Aharness%2FMyHarness-0123456789?tagKeys=a%20b&tagKeys=c%2Bd")]
    [InlineData("/tags/arn%3Aaws%3Abedrock-agentcore%3Aus-west-2%3A000000000000%3Aharness%2FMyHarness-0123456789/?tagKeys=a%20b&tagKeys=c%2Bd")]
    [InlineData("/tags/arn:aws:bedrock-agentcore:us-west-2:000000000000:harness%2FMyHarness-0123456789?tagKeys=a%20b&tagKeys=c+d")]
    [InlineData("/tags/arn:aws:bedrock-agentcore:us-west-2:000000000000:harness/MyHarness-0123456789?tagKeys=a%20b&tagKeys=c%2Bd")]
    [InlineData("/tags/arn:aws:bedrock-agentcore:us-west-2:000000000000:harness/MyHarness-0123456789/?tagKeys=a%20b&tagKeys=c%2Bd")]
    public async Task ArnInThePath_ArrivesHoweverItIsEncoded(string target)
    {
        await using var server = await WireServer.StartAsync();

        var answer = await server.SendAsync(HttpMethod.Delete, target);

        Assert.Equal("{\"" + WireServer.Arn + "\":\"a b|c+d\"}", answer.Body);
    }

    [Theory]
    [InlineData("/runtimes/arn%3Aaws%3Ax%2Fy%2Fz/stopruntimesession")]
    [InlineData("/runtimes/arn:aws:x/y/z/stopruntimesession/?qualifier=DEFAULT")]
    public async Task HeaderMembers_TravelInHeaders(string target)
    {
        await using var server = await WireServer.StartAsync();
        using var request = server.Request(HttpMethod.Post, target, """{"clientToken":null}""");
        request.Headers.Add(WireServer.SessionHeader, WireServer.Session);
        server.Sign(request, """{"clientToken":null}"""u8.ToArray());

        using var response = await server.Http.SendAsync(request);

        Assert.Equal("{}", await response.Content.ReadAsStringAsync());
        Assert.Equal(WireServer.Session, response.Headers.GetValues(WireServer.SessionHeader).Single());
    }

    [Fact]
    public async Task PayloadMember_IsTheBody()
    {
        await using var server = await WireServer.StartAsync();

        Assert.Equal("""{"command":"ls"}""", (await server.SendAsync(HttpMethod.Post, "/runtimes/arn%3Ax/commands", """{"command":"ls"}""")).Body);
        Assert.Equal(
            "1 validation error detected: body.command is required",
            (await server.SendAsync(HttpMethod.Post, "/runtimes/arn%3Ax/commands", """{"body":{"command":"ls"}}""")).Message);
        Assert.Equal("1 validation error detected: body is required", (await server.SendAsync(HttpMethod.Post, "/runtimes/arn%3Ax/commands")).Message);
    }

    [Fact]
    public async Task InvokeWins_AndTheBodyCannotSetWhatTravelsElsewhere()
    {
        await using var server = await WireServer.StartAsync();

        var answer = await server.SendAsync(
            HttpMethod.Post, WireServer.InvokePath, """{"harnessArn":5,"runtimeSessionId":"other","messages":[{"role":"user","content":[{"text":"hi"}]}],"future":{"x":[1]}}""");

        Assert.Equal("""{"echo":"hi"}""", answer.Body);
    }

    [Fact]
    public async Task Faults_HaveTheProtocolsShape()
    {
        await using var server = await WireServer.StartAsync();

        var missing = await server.SendAsync(HttpMethod.Get, "/harnesses/MyHarness-0123456789");
        Assert.Equal((404, "ResourceNotFoundException"), (missing.Status, missing.ErrorType));
        Assert.Equal("""{"__type":"ResourceNotFoundException","message":"Harness MyHarness-0123456789 does not exist."}""", missing.Body);
        Assert.True(Guid.TryParse(missing.RequestId, out _));

        var invalid = await server.SendAsync(HttpMethod.Post, "/harnesses", """{"harnessName":"1","executionRoleArn":null}""");
        Assert.Equal((400, "ValidationException"), (invalid.Status, invalid.ErrorType));
        Assert.Equal(
            """
            {"__type":"ValidationException","message":"2 validation errors detected: harnessName must match [a-zA-Z][a-zA-Z0-9_]{0,39}; executionRoleArn is required","reason":"FieldValidationFailed","fieldList":[{"name":"harnessName","message":"must match [a-zA-Z][a-zA-Z0-9_]{0,39}"},{"name":"executionRoleArn","message":"is required"}]}
            """,
            invalid.Body);

        var bug = await server.SendAsync(HttpMethod.Delete, "/harnesses/MyHarness-0123456789");
        Assert.Equal((500, "InternalServerException"), (bug.Status, bug.ErrorType));
        Assert.Equal(
            $$"""{"__type":"InternalServerException","message":"The server failed to handle the request. Its log has the details under request id {{bug.RequestId}}."}""",
            bug.Body);
    }

    [Theory]
    [InlineData(FaultCode.ValidationException, 400)]
    [InlineData(FaultCode.UnauthorizedException, 401)]
    [InlineData(FaultCode.ServiceQuotaExceededException, 402)]
    [InlineData(FaultCode.AccessDeniedException, 403)]
    [InlineData(FaultCode.ResourceNotFoundException, 404)]
    [InlineData(FaultCode.UnknownOperationException, 404)]
    [InlineData(FaultCode.ConflictException, 409)]
    [InlineData(FaultCode.RetryableConflictException, 409)]
    [InlineData(FaultCode.RuntimeClientError, 424)]
    [InlineData(FaultCode.ThrottlingException, 429)]
    [InlineData(FaultCode.InternalServerException, 500)]
    public async Task EveryFaultCode_HasItsStatus_BeforeAndInsideAStream(FaultCode code, int status)
    {
        Assert.Equal(11, Enum.GetValues<FaultCode>().Length);
        await using var server = await WireServer.StartAsync(invoke: async (call, cancellationToken) =>
        {
            if (WireServer.Text(call.Bind(BelayJson.Default.InvokeHarnessRequest)) == "stream")
            {
                var stream = await call.StartEventStreamAsync();
                await stream.WriteAsync("messageStop", new HarnessMessageStopEvent { StopReason = HarnessStopReason.EndTurn }, BelayJson.Default.HarnessMessageStopEvent, cancellationToken);
            }

            throw new ServiceException(code, "Broken für Sie.");
        });

        var early = await server.SendAsync(HttpMethod.Post, WireServer.InvokePath, WireServer.Invocation("x"));
        Assert.Equal((status, code.ToString()), (early.Status, early.ErrorType));
        Assert.Equal(code.ToString(), early.Json.GetProperty("__type").GetString());
        Assert.Equal(code != FaultCode.InternalServerException, early.Message == "Broken für Sie.");
        Assert.Equal(code == FaultCode.ValidationException, early.Json.TryGetProperty("reason", out _));

        using var request = server.Request(HttpMethod.Post, WireServer.InvokePath, WireServer.Invocation("stream"));
        server.Sign(request, Encoding.UTF8.GetBytes(WireServer.Invocation("stream")));
        using var response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var frames = new List<EventStreamMessage>();
        await foreach (var frame in EventStreamReader.ReadAllAsync(await response.Content.ReadAsStreamAsync(), CancellationToken.None))
        {
            frames.Add(frame);
        }

        Assert.Equal("application/vnd.amazon.eventstream", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal(["event", "exception"], frames.Select(frame => frame.MessageType));
        Assert.Equal("""{"stopReason":"end_turn"}""", Encoding.UTF8.GetString(frames[0].Payload.Span));
        var expected = code switch
        {
            FaultCode.ValidationException => "validationException",
            FaultCode.InternalServerException => "internalServerException",
            _ => "runtimeClientError",
        };
        Assert.Equal(expected, frames[1].ExceptionType);
        using var payload = JsonDocument.Parse(frames[1].Payload);
        Assert.NotEmpty(payload.RootElement.GetProperty("message").GetString()!);
    }

    [Fact]
    public void CommandStream_HasMoreExceptions()
    {
        Assert.Equal(FaultCode.ThrottlingException, FaultResponse.StreamCode("InvokeAgentRuntimeCommand", FaultCode.ThrottlingException));
        Assert.Equal(FaultCode.RuntimeClientError, FaultResponse.StreamCode("InvokeAgentRuntimeCommand", FaultCode.RetryableConflictException));
    }

    [Fact]
    public async Task OperationsNotBuilt_AreNamed_AndUnknownOnesRefused()
    {
        await using var server = await WireServer.StartAsync();

        var known = await server.SendAsync(HttpMethod.Post, "/memories/create", "{}");
        Assert.Equal((400, "ValidationException"), (known.Status, known.ErrorType));
        Assert.Equal("The operation CreateMemory is not served by this version of Belay.", known.Message);

        var unknown = await server.SendAsync(HttpMethod.Get, "/nothing/here");
        Assert.Equal((404, "UnknownOperationException"), (unknown.Status, unknown.ErrorType));
    }

    [Fact]
    public void KnownOperations_AreThoseOfTheModels()
    {
        var expected = new List<string>();
        foreach (var (plane, model) in new[] { ("Control", ServiceModel.Control), ("Data", ServiceModel.Data) })
        {
            expected.AddRange(ServiceModel.Require(model, 231).Root.GetProperty("operations").EnumerateObject().Select(operation =>
            {
                var http = operation.Value.GetProperty("http");
                return $"{plane} {http.GetProperty("method")} {http.GetProperty("requestUri")} {operation.Name}";
            }));
        }

        Assert.Equal(
            expected.Order(StringComparer.Ordinal),
            Router.Known().Select(route => $"{route.Plane} {route.Method} {route.Template} {route.Name}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void EveryKnownOperation_IsFoundByItsOwnPath()
    {
        var router = new Router([]);
        foreach (var route in Router.Known())
        {
            var path = string.Concat(route.Template.Split('{').Select((part, i) => i == 0 ? part : "Label-0123456789" + part[(part.IndexOf('}', StringComparison.Ordinal) + 1)..]));

            Assert.Equal(route.Name, router.Find(route.Method, RequestTarget.Parse(path))?.Route.Name);
        }
    }

    [Theory]
    [InlineData("/harnesses/%zz")]
    [InlineData("/harnesses/%ff")]
    [InlineData("/harnesses?x=%C3%28")]
    [InlineData("/harnesses/%")]
    public async Task MalformedEscapes_AreRefused(string target)
    {
        await using var server = await WireServer.StartAsync();

        var answer = await RawConnection.ExchangeAsync(server, $"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("?maxResults=50", 200)]
    [InlineData("?maxResults=0", 400)]
    [InlineData("?maxResults=101", 400)]
    [InlineData("?maxResults=ten", 400)]
    [InlineData("?maxResults=1.5", 400)]
    [InlineData("?maxResults=", 400)]
    [InlineData("?maxResults=1&maxResults=2", 400)]
    [InlineData("?nextToken=a%20b", 400)]
    [InlineData("?unknown=1", 200)]
    public async Task QueryMembers_AreChecked(string query, int status)
    {
        await using var server = await WireServer.StartAsync();

        Assert.Equal(status, (await server.SendAsync(HttpMethod.Get, "/harnesses" + query)).Status);
    }

    [Theory]
    [InlineData(500, 10)]
    [InlineData(10, 20_000)]
    public async Task HeaderFlood_IsRefused(int count, int length)
    {
        await using var server = await WireServer.StartAsync();
        var head = new StringBuilder("GET /harnesses HTTP/1.1\r\nHost: x\r\n");
        for (var i = 0; i < count; i++)
        {
            head.Append("x-").Append(i).Append(": ").Append('a', length).Append("\r\n");
        }

        Assert.StartsWith("HTTP/1.1 431 ", await RawConnection.ExchangeAsync(server, head.Append("\r\n").ToString()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_AreCountedForEachAccount()
    {
        await using var server = await WireServer.StartAsync(new WireSettings { ControlRate = new RequestRate(0.001, 2) });

        Assert.Equal(200, (await server.SendAsync(HttpMethod.Get, "/harnesses")).Status);
        Assert.Equal(200, (await server.SendAsync(HttpMethod.Get, "/harnesses")).Status);
        var third = await server.SendAsync(HttpMethod.Get, "/harnesses");
        Assert.Equal((429, "ThrottlingException"), (third.Status, third.ErrorType));
        Assert.Equal(200, (await server.SendAsync(HttpMethod.Post, WireServer.InvokePath, WireServer.Invocation("hi"))).Status);
    }

    [Fact]
    public async Task StreamOutput_TravelsInHeaders()
    {
        await using var server = await WireServer.StartAsync(invoke: (call, _) => call.StartEventStreamAsync(
            new InvokeAgentRuntimeCommandResponse { ContentType = "application/vnd.amazon.eventstream", RuntimeSessionId = WireServer.Session, TraceId = "t" }, BelayJson.Default.InvokeAgentRuntimeCommandResponse));

        var answer = await server.SendAsync(HttpMethod.Post, WireServer.InvokePath, WireServer.Invocation("hi"));

        Assert.Equal((200, ""), (answer.Status, answer.Body));
        Assert.Equal(WireServer.Session, answer.Headers.GetValues(WireServer.SessionHeader).Single());
        Assert.Equal("t", answer.Headers.GetValues("X-Amzn-Trace-Id").Single());
    }

    [Fact]
    public async Task Tls_IsServedFromPemFiles()
    {
        var directory = Directory.CreateTempSubdirectory("belay-tls-").FullName;
        using var key = System.Security.Cryptography.ECDsa.Create();
        var subject = new System.Security.Cryptography.X509Certificates.CertificateRequest("CN=localhost", key, System.Security.Cryptography.HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = subject.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        File.WriteAllText(Path.Combine(directory, "cert.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(directory, "key.pem"), key.ExportPkcs8PrivateKeyPem());
        var settings = new ServerSettings
        {
            DataDirectory = directory,
            Port = 0,
            Host = "0.0.0.0",
            CertificatePath = Path.Combine(directory, "cert.pem"),
            CertificateKeyPath = Path.Combine(directory, "key.pem"),
        };
        await using var server = BelayServer.Create(settings, WireServer.Parts(WireServer.FirstKeys(settings)));
        await server.StartAsync(CancellationToken.None);
        using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, got, _, _) => got!.Thumbprint == certificate.Thumbprint };
        using var http = new HttpClient(handler);

        using var response = await http.SendAsync(new HttpRequestMessage(HttpMethod.Get, $"https://127.0.0.1:{server.Address.Port}/healthz") { Version = new(2, 0) });

        Assert.Equal((200, new Version(2, 0)), ((int)response.StatusCode, response.Version));
        await server.StopAsync(CancellationToken.None);
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task ClientThatLeaves_CancelsTheOperation()
    {
        var started = new TaskCompletionSource();
        var cancelled = new TaskCompletionSource();
        await using var server = await WireServer.StartAsync(invoke: async (call, cancellationToken) =>
        {
            await call.StartEventStreamAsync();
            started.SetResult();
            using var registration = cancellationToken.Register(cancelled.SetResult);
            await Task.Delay(Timeout.Infinite, cancellationToken);
        });
        using var request = server.Request(HttpMethod.Post, WireServer.InvokePath, WireServer.Invocation("hi"));
        server.Sign(request, Encoding.UTF8.GetBytes(WireServer.Invocation("hi")));

        var response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await started.Task;
        response.Dispose();

        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task FrameOver256KiB_IsOurFault()
    {
        await using var server = await WireServer.StartAsync(invoke: async (call, cancellationToken) =>
        {
            var stream = await call.StartEventStreamAsync();
            await stream.WriteAsync("x", new() { ["x"] = new string('a', EventStreamResponse.MaxPayloadBytes) }, BelayJson.Default.DictionaryStringString, cancellationToken);
        });

        var answer = await server.SendAsync(HttpMethod.Post, WireServer.InvokePath, WireServer.Invocation("hi"));

        Assert.Contains("internalServerException", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_ReportEveryProblem() => Assert.Equal(
        [
            "The port must be 0 to 65535, but is 70000.",
            "0.0.0.0 can be reached by other machines: give a certificate with --tls-cert FILE (Server:Certificate), or, behind a proxy that speaks TLS, allow plain HTTP with --set Server:AllowPlainHttp=true.",
            "The region must be lower-case letters, digits and hyphens, but is \"US\".",
            "The account must have twelve digits, but is \"1\".",
            "MaxHeaders must be more than 0.",
            "DataRate must allow more than 0 requests a second and a burst of at least 1.",
        ],
        new ServerSettings
        {
            Port = 70000,
            Host = "0.0.0.0",
            Region = "US",
            DefaultAccount = "1",
            Wire = new() { MaxHeaders = 0, DataRate = new(1, 0) },
        }.Problems());
}
