using Belay.EndToEnd;

[assembly: AssemblyFixture(typeof(SharedServer))]
[assembly: AssemblyFixture(typeof(ProviderServer))]
