using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Belay.Server;
using Belay.Server.Tls;
using Belay.Testing;
using Belay.Tests.Logging;
using Belay.Tests.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Belay.Tests.Tls;

public sealed class CertificateFilesTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly TestCertificates _certificates = new();
    private readonly ManualTime _time = new();
    private readonly KeptLog _log = new();

    private string Certificate => Path.Combine(_directory.Path, "cert.pem");

    private string Key => Path.Combine(_directory.Path, "key.pem");

    public void Dispose()
    {
        _directory.Dispose();
        _certificates.Dispose();
    }

    [Fact]
    public void RenewedCertificate_IsUsedForTheNextConnection()
    {
        var files = Open(out var first);
        Assert.Equal(first.Thumbprint, files.Current.TargetCertificate.Thumbprint);

        var second = _certificates.Write(Certificate, Key);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(second.Thumbprint, files.Current.TargetCertificate.Thumbprint);
        Assert.StartsWith($"The certificate {Certificate} was renewed", Assert.Single(_log.Lines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("not a certificate")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")]
    [InlineData("")]
    [InlineData(null)]
    public void BrokenFile_KeepsTheOneBefore_AndIsToldOnce(string? content)
    {
        var files = Open(out var first);
        if (content is null)
        {
            File.Delete(Certificate);
        }
        else
        {
            File.WriteAllText(Certificate, content);
        }

        for (var again = 0; again < 3; again++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.Equal(first.Thumbprint, files.Current.TargetCertificate.Thumbprint);
        }

        Assert.Contains("The one before stays in use.", Assert.Single(_log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void KeyOfAnotherCertificate_IsNotUsed_UntilBothAreRenewed()
    {
        var files = Open(out var first);
        var old = File.ReadAllText(Key);
        var second = _certificates.Write(Certificate, Key);
        var renewed = File.ReadAllText(Key);
        File.WriteAllText(Key, old);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(first.Thumbprint, files.Current.TargetCertificate.Thumbprint);

        File.WriteAllText(Key, renewed);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(second.Thumbprint, files.Current.TargetCertificate.Thumbprint);
    }

    [Fact]
    public void FilesThatCannotBeUsed_AreSaidInOneLine()
    {
        File.WriteAllText(Certificate, "no");

        var refusal = Assert.Throws<InvalidDataException>(() => CertificateFiles.Open(Certificate, null, _time, _log));

        Assert.Equal($"The certificate {Certificate} cannot be used: it is not a PEM certificate with its private key.", refusal.Message);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("localhost")]
    [InlineData("0.0.0.0")]
    [InlineData("::1")]
    [InlineData("::")]
    [InlineData("[::]")]
    public async Task Server_SpeaksTls_AndFollowsItsFiles(string host)
    {
        Assert.SkipUnless(Socket.OSSupportsIPv6 || !host.Contains(':', StringComparison.Ordinal), "This machine has no IPv6.");
        var first = _certificates.Write(Certificate, Key);
        var settings = new ServerSettings { DataDirectory = _directory.Path, Host = host, Port = 0, CertificatePath = Certificate, CertificateKeyPath = Key };
        await using var server = BelayServer.Create(settings, WireServer.Parts(WireServer.FirstKeys(settings)) with { Time = _time, Logging = NullLoggerFactory.Instance });
        await server.StartAsync(CancellationToken.None);
        var address = new Uri($"https://{(host is "::1" ? "[::1]" : "127.0.0.1")}:{server.Address.Port}/healthz");

        var before = await AskAsync(address);
        var second = _certificates.Write(Certificate, Key);
        _time.Advance(TimeSpan.FromSeconds(1));
        var after = await AskAsync(address);

        Assert.Equal("https", server.Address.Scheme);
        Assert.Equal([(first.Thumbprint, HttpVersion.Version20), (second.Thumbprint, HttpVersion.Version20)], [before, after]);
        await server.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task PlainHttp_BeyondLoopback_NeedsTheWord()
    {
        var settings = new ServerSettings { DataDirectory = _directory.Path, Host = "0.0.0.0", Port = 0 };
        var refusal = Assert.Throws<ArgumentException>(() => BelayServer.Create(settings, WireServer.Parts(WireServer.FirstKeys(settings))));
        Assert.Contains("--tls-cert FILE", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("Server:AllowPlainHttp=true", refusal.Message, StringComparison.Ordinal);

        await using var server = BelayServer.Create(settings with { AllowPlainHttp = true }, WireServer.Parts(WireServer.FirstKeys(settings)));
        await server.StartAsync(CancellationToken.None);
        using var http = new HttpClient();
        Assert.Equal("ok\n", await http.GetStringAsync(new Uri($"http://127.0.0.1:{server.Address.Port}/healthz")));
        await server.StopAsync(CancellationToken.None);
    }

    private CertificateFiles Open(out X509Certificate2 first)
    {
        first = _certificates.Write(Certificate, Key);
        return CertificateFiles.Open(Certificate, Key, _time, _log);
    }

    /// <summary>A connection of its own; answers the certificate that it was shown.</summary>
    private async Task<(string Thumbprint, Version Protocol)> AskAsync(Uri address)
    {
        var shown = "";
        using var handler = new SocketsHttpHandler { UseProxy = false };
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            CustomTrustStore = { _certificates.Authority },
        };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
        {
            shown = certificate!.GetCertHashString();
            return errors == System.Net.Security.SslPolicyErrors.None;
        };
        using var http = new HttpClient(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, address) { Version = HttpVersion.Version20 };
        using var response = await http.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return (shown, response.Version);
    }
}
