using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Belay.Testing;

/// <summary>A certificate authority of a test, and certificates for loopback that it signs, as PEM files.</summary>
public sealed class TestCertificates : IDisposable
{
    private static readonly DateTimeOffset From = TimeProvider.System.GetUtcNow().AddDays(-1);
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private byte _serial;

    public TestCertificates()
    {
        var request = new CertificateRequest("CN=Belay test authority", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        Authority = request.CreateSelfSigned(From, From.AddDays(30));
    }

    /// <summary>Whom clients trust.</summary>
    public X509Certificate2 Authority { get; }

    /// <summary>Writes a new certificate and its key.</summary>
    public X509Certificate2 Write(string certificatePath, string keyPath)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN=Belay test {++_serial}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(Authority, true, false));
        var signed = request.Create(Authority, From, From.AddDays(20), [_serial]);
        File.WriteAllText(keyPath, key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(certificatePath, signed.ExportCertificatePem() + "\n" + Authority.ExportCertificatePem());
        return signed;
    }

    public void Dispose()
    {
        Authority.Dispose();
        _key.Dispose();
    }
}
