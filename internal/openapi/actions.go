package openapi

// actions is every action there is.
func actions() []*action {
	return []*action{
		changes("AddLiveDomain", (*Server).addDomain),
		changes("DeleteLiveDomain", (*Server).deleteDomain),
		changes("StartLiveDomain", (*Server).startDomain),
		changes("StopLiveDomain", (*Server).stopDomain),
		reads("DescribeLiveDomainDetail", (*Server).describeDomain),
		reads("DescribeLiveUserDomains", (*Server).describeDomains),
		reads("DescribeLiveDomainLimit", (*Server).describeLimit),

		changes("AddLiveDomainMapping", (*Server).addMapping),
		changes("DeleteLiveDomainMapping", (*Server).deleteMapping),
		changes("AddLiveDomainPlayMapping", (*Server).addPlayMapping),
		changes("DeleteLiveDomainPlayMapping", (*Server).deletePlayMapping),
		reads("DescribeLiveDomainMapping", (*Server).describeMapping),

		changes("BatchSetLiveDomainConfigs", (*Server).setConfigs),
		changes("BatchDeleteLiveDomainConfigs", (*Server).deleteConfigs),
		reads("DescribeLiveDomainConfigs", (*Server).describeConfigs),
		reads("DescribeLiveStreamAuthChecking", (*Server).checkAuth),

		changes("SetLiveDomainCertificate", (*Server).setCertificate),
		reads("DescribeLiveDomainCertificateInfo", (*Server).describeCertificate),
		reads("DescribeLiveCertificateList", (*Server).listCertificates),
		reads("DescribeLiveCertificateDetail", (*Server).certificateDetail),

		changes("SetLiveStreamsNotifyUrlConfig", (*Server).setNotify),
		reads("DescribeLiveStreamsNotifyUrlConfig", (*Server).describeNotify),
		changes("DeleteLiveStreamsNotifyUrlConfig", (*Server).deleteNotify),
		reads("DescribeLiveStreamsNotifyRecords", (*Server).notifyRecords),

		reads("DescribeLiveStreamsOnlineList", (*Server).onlineList),
		reads("DescribeLiveStreamsPublishList", (*Server).publishList),
		reads("DescribeLiveStreamState", (*Server).streamState),
		reads("DescribeLiveStreamCount", (*Server).streamCount),
		changes("ForbidLiveStream", (*Server).forbid),
		changes("ResumeLiveStream", (*Server).resume),
		reads("DescribeLiveStreamsBlockList", (*Server).blockList),
		reads("DescribeLiveStreamsControlHistory", (*Server).controlHistory),
	}
}
