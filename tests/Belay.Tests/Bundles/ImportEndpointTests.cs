using System.Net.Http.Headers;
using System.Text;
using Belay.Contracts.Faults;
using Belay.Contracts.Signing;
using Belay.Server.Auth;
using Belay.Server.Bundles;
using Belay.Server.Wire;
using Belay.Testing;
using Belay.Tests.Wire;
using Microsoft.AspNetCore.Http;

namespace Belay.Tests.Bundles;

/// <summary>What is uploaded is hostile: it is bounded, proven, and gone when it was refused.</summary>
public sealed class ImportEndpointTests : IAsyncLifetime
{
    private const string Path = "/belay/v1/sessions/import";

    private NativeServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await NativeServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task WhatIsNoBundle_IsRefused_AndLeavesNoFile()
    {
        var before = Directory.GetFiles(_server.Directory).Order(StringComparer.Ordinal).ToList();
        var (_, token) = await _server.TokenAsync();

        await RefusedAsync(400, "This is no session bundle", "nothing of the kind\n", Bearer);
        await RefusedAsync(400, "ends in the middle of line 1", "nothing", request => Sign(request, "nothing"));
        await RefusedAsync(400, "content type", "nothing", Bearer, "application/json");
        await RefusedAsync(403, "", "another body", request => Sign(request, "the body that was signed"));
        await RefusedAsync(403, "not signed", "nothing", _ => { });

        Assert.Equal(before, Directory.GetFiles(_server.Directory).Order(StringComparer.Ordinal));

        void Bearer(HttpRequestMessage request) => request.Headers.Authorization = new("Bearer", token);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task BodyOverItsLimit_IsRefused_HoweverItIsAnnounced(bool announced)
    {
        using var directory = new TemporaryDirectory();
        var http = new DefaultHttpContext();
        http.Request.ContentType = BundleEndpoints.MediaType;
        http.Request.ContentLength = announced ? 101 : null;
        http.Request.Body = new MemoryStream(new byte[101]);
        var file = new RequestFile(directory.Path, 100, BundleEndpoints.MediaType) { Setting = "Bundles:MaxImportMiB" };

        var fault = await Assert.ThrowsAsync<ServiceException>(() => file.ReadAsync(http.Request, verified: true, CancellationToken.None));
        var stranger = await Assert.ThrowsAsync<ServiceException>(() => file.ReadAsync(http.Request, verified: false, CancellationToken.None));

        Assert.Contains("larger than 100 bytes (Bundles:MaxImportMiB)", fault.Message, StringComparison.Ordinal);
        Assert.Equal(FaultCode.AccessDeniedException, stranger.Code);
        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    private async Task RefusedAsync(int status, string why, string body, Action<HttpRequestMessage> prove, string type = BundleEndpoints.MediaType)
    {
        var answer = await _server.SendAsync(HttpMethod.Post, Path, null, request =>
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };
            prove(request);
        });
        Assert.True(answer.Status == status, answer.Body);
        Assert.Contains(why, answer.Body, StringComparison.Ordinal);
    }

    private void Sign(HttpRequestMessage request, string body) => SigV4Signer.Sign(
        request, Encoding.UTF8.GetBytes(body), _server.Key.Id, _server.Key.Secret, "us-west-2", SigV4Verifier.Service, TimeProvider.System.GetUtcNow());
}
