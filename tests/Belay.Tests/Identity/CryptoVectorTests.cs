using System.Security.Cryptography;
using System.Text.Json;
using Belay.Identity;

namespace Belay.Tests.Identity;

/// <summary>The primitives that sealing stands on, against Wycheproof's cases.</summary>
public sealed class CryptoVectorTests
{
    private const int NonceBits = 96;
    private const int TagBits = 128;

    [Fact]
    public void AesGcm_AnswersAsPublished()
    {
        var run = 0;
        foreach (var (group, test) in Cases("crypto/aes_gcm_test.json", 197))
        {
            if (group.GetProperty("ivSize").GetInt32() != NonceBits || group.GetProperty("tagSize").GetInt32() != TagBits)
            {
                continue;
            }

            run++;
            var (message, cipher, tag) = (Bytes(test, "msg"), Bytes(test, "ct"), Bytes(test, "tag"));
            using var aes = new AesGcm(Bytes(test, "key"), TagBits / 8);
            var opened = new byte[cipher.Length];
            if (!Valid(test))
            {
                Assert.ThrowsAny<CryptographicException>(() => aes.Decrypt(Bytes(test, "iv"), cipher, tag, opened, Bytes(test, "aad")));
                continue;
            }

            aes.Decrypt(Bytes(test, "iv"), cipher, tag, opened, Bytes(test, "aad"));
            Assert.Equal(message, opened);
            var (sealedBytes, newTag) = (new byte[message.Length], new byte[tag.Length]);
            aes.Encrypt(Bytes(test, "iv"), message, sealedBytes, newTag, Bytes(test, "aad"));
            Assert.Equal(cipher, sealedBytes);
            Assert.Equal(tag, newTag);
        }

        Assert.Equal(197, run);
    }

    [Fact]
    public void SealedBox_OpensPublishedCiphertexts()
    {
        var run = 0;
        foreach (var (group, test) in Cases("crypto/aes_gcm_test.json", 66))
        {
            if (group.GetProperty("keySize").GetInt32() != 256 || group.GetProperty("ivSize").GetInt32() != NonceBits || group.GetProperty("tagSize").GetInt32() != TagBits)
            {
                continue;
            }

            run++;
            byte[] box = [1, .. Bytes(test, "iv"), .. Bytes(test, "ct"), .. Bytes(test, "tag")];
            if (Valid(test))
            {
                Assert.Equal(Bytes(test, "msg"), SealedBox.Open(Bytes(test, "key"), box, Bytes(test, "aad")));
            }
            else
            {
                Assert.ThrowsAny<CryptographicException>(() => SealedBox.Open(Bytes(test, "key"), box, Bytes(test, "aad")));
            }
        }

        Assert.Equal(66, run);
    }

    [Fact]
    public void Hkdf_AnswersAsPublished()
    {
        foreach (var (_, test) in Cases("crypto/hkdf_sha256_test.json", 86))
        {
            var size = test.GetProperty("size").GetInt32();
            if (Valid(test))
            {
                Assert.Equal(Bytes(test, "okm"), HKDF.DeriveKey(HashAlgorithmName.SHA256, Bytes(test, "ikm"), size, Bytes(test, "salt"), Bytes(test, "info")));
            }
            else
            {
                Assert.ThrowsAny<ArgumentException>(() => HKDF.DeriveKey(HashAlgorithmName.SHA256, Bytes(test, "ikm"), size, Bytes(test, "salt"), Bytes(test, "info")));
            }
        }
    }

    [Fact]
    public void Hmac_AnswersAsPublished()
    {
        foreach (var (group, test) in Cases("crypto/hmac_sha256_test.json", 174))
        {
            var tag = HMACSHA256.HashData(Bytes(test, "key"), Bytes(test, "msg"))[..(group.GetProperty("tagSize").GetInt32() / 8)];

            Assert.Equal(Valid(test), tag.AsSpan().SequenceEqual(Bytes(test, "tag")));
        }
    }

    private static IEnumerable<(JsonElement Group, JsonElement Test)> Cases(string file, int cases) =>
        from theGroup in Vectors.Read(file, cases).GetProperty("testGroups").EnumerateArray()
        from test in theGroup.GetProperty("tests").EnumerateArray()
        select (theGroup, test);

    private static bool Valid(JsonElement test) => test.GetProperty("result").GetString() == "valid";

    private static byte[] Bytes(JsonElement test, string name) => Convert.FromHexString(test.GetProperty(name).GetString()!); // Every case has each.
}
